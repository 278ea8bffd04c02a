// AdaGrad by dual averaging (L. Xiao, "Dual averaging methods", JMLR 11, 2010; J. Duchi, E. Hazan, Y. Singer, JMLR 12,
// 2011; the rule of TensorFlow's ApplyAdagradDA):
//   g = -g if direction is 'maximize'
//   z = z + g;  s = s + g^2                      (z starts at 0, s at initialAccumulator, above 0)
//   w = -sign(z) learningRate max(|z| - l1 step, 0) / (sqrt(s) + l2 step learningRate)
// The weights follow from z, s and the step alone: what they started at is forgotten at the first update, so this is
// for linear models, which start at 0.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct AdagradDualAveragingRule {
  double initial_accumulator;
  float l1;
  float l2;
  bool maximize;
};

class AdagradDualAveraging final : public Optimizer {
 public:
  explicit AdagradDualAveraging(const Spec& spec);

  int64_t divisions() const override { return 2; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  std::string objection_to_rows(float /*decay*/) const override { return ""; }
  bool moves_untouched() const override { return true; }
  GradientCheck update(const UpdateArguments& args) const override;
  void settle(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  AdagradDualAveragingRule rule_;
};

}  // namespace gradloom
