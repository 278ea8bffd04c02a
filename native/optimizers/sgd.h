// Stochastic gradient descent, optionally with momentum (PyTorch's rule; learningRate stands outside of the buffer):
//   g = -g if direction is 'maximize';  g += weightDecay w
//   b = g in the first step, later b = momentum b + (1 - dampening) g
//   w = w - learningRate b,  with nesterov: w = w - learningRate (g + momentum b)
// Without momentum there is no buffer and b = g.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct SgdRule {
  float momentum;
  float dampening;
  bool nesterov;
  bool maximize;
};

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const Spec& spec);

  std::vector<StateSpec> states(const Shape& parameter) const override;
  std::string objection_to_rows(float decay) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  GradientCheck update_rows(const RowUpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  SgdRule rule_;
};

}  // namespace gradloom
