// AdaGrad with L1 and L2 as proximal steps (J. Duchi, Y. Singer, "Efficient online and batch learning using forward
// backward splitting", JMLR 10, 2009; the rule of TensorFlow's ApplyProximalAdagrad, with an epsilon):
//   g = -g if direction is 'maximize'
//   s = s + g^2                                            (s starts at initialAccumulator)
//   rate = learningRate / (sqrt(s) + epsilon);  v = w - rate g
//   w = sign(v) max(|v| - rate l1, 0) / (1 + rate l2)
// An element whose s is 0 has never had a gradient and stays as it is. The objective is the loss + l1 |w| + l2/2 w^2;
// l1 makes weights exactly 0, and neither term enters s.
//
// A row of a table that k steps do not touch keeps its s, so these steps compose (rate as above):
//   d = -k log(1 + rate l2);  |w| = max(|w| exp(d) + l1 / l2 (exp(d) - 1), 0);  l2 = 0: |w| = max(|w| - k rate l1, 0)
// Of each weight of a table `lastStep` is the last step that touched it, and `lastWeight` what it was then.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct ProximalAdagradRule {
  double initial_accumulator;
  float epsilon;
  float l1;
  float l2;
  bool maximize;
};

class ProximalAdagrad final : public Optimizer {
 public:
  explicit ProximalAdagrad(const Spec& spec);

  int64_t divisions() const override { return 3; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  std::vector<StateSpec> table_states(const Shape& table) const override;
  std::string objection_to_rows(float /*decay*/) const override { return ""; }
  bool moves_untouched() const override { return rule_.l1 != 0 || rule_.l2 != 0; }
  GradientCheck update(const UpdateArguments& args) const override;
  void settle(const UpdateArguments& args) const override;
  void adopt(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  ProximalAdagradRule rule_;
};

}  // namespace gradloom
