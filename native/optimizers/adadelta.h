// Adadelta (M. Zeiler, arXiv:1212.5701; the rule and defaults of PyTorch):
//   g = -g if direction is 'maximize';  g += weightDecay w
//   s = smoothing s + (1 - smoothing) g^2
//   d = sqrt(u + epsilon) / sqrt(s + epsilon) g
//   u = smoothing u + (1 - smoothing) d^2
//   w = w - learningRate d
// s, the average of squared gradients, and u, that of squared updates, start at 0.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct AdadeltaRule {
  double smoothing;
  float epsilon;
  bool maximize;
};

class Adadelta final : public Optimizer {
 public:
  explicit Adadelta(const Spec& spec);

  int64_t divisions() const override { return 3; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  AdadeltaRule rule_;
};

}  // namespace gradloom
