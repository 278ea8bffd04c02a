// AdaGrad with one accumulator a row (the exact row-wise rule of FBGEMM and of DLRM): a row of a matrix is what one
// output, or one entry of a table, has; of a vector each element is a row.
//   g = -g if direction is 'maximize';  coupled decay: r = g + weightDecay w, else r = g
//   s = s + mean(r^2) over the row                              (s starts at initialAccumulator)
//   rate = learningRate / (sqrt(s) + epsilon)
//   w = w - c weightDecay w - rate g,  c = rate (coupled),  learningRate (decoupled)
// The mean is of float32 sums, eight side by side by the column modulo 8, added as ((0+1)+(2+3))+((4+5)+(6+7)).
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct RowwiseAdagradRule {
  double initial_accumulator;
  float epsilon;
  bool decoupled;
  bool maximize;
};

class RowwiseAdagrad final : public Optimizer {
 public:
  explicit RowwiseAdagrad(const Spec& spec);

  Granularity granularity() const override { return Granularity::kRow; }
  std::string objection_to_rows(float decay) const override;
  std::vector<StateSpec> states(const Shape& parameter) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  GradientCheck update_rows(const RowUpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  RowwiseAdagradRule rule_;
};

}  // namespace gradloom
