// AdaGrad-Norm (R. Ward, X. Wu, L. Bottou, "AdaGrad stepsizes", JMLR 21, 2020, arXiv:1806.01811): one accumulator a
// parameter, here a tensor.
//   g = -g if direction is 'maximize';  g += weightDecay w
//   s = s + |g|^2,  the squared norm over the whole parameter     (s starts at initialNorm^2)
//   w = w - learningRate g / sqrt(s)
// The norm is summed in double, eight sums side by side, over at most 64 pieces that are cut by size.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct AdagradNormRule {
  double initial_norm;
  bool maximize;
};

class AdagradNorm final : public Optimizer {
 public:
  explicit AdagradNorm(const Spec& spec);

  Granularity granularity() const override { return Granularity::kParameter; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  AdagradNormRule rule_;
};

}  // namespace gradloom
