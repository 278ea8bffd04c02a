// Stochastic gradient descent, optionally with momentum (PyTorch's rule; learningRate stands outside of the buffer):
//   g = -g if direction is 'maximize';  g += weightDecay w
//   b = g in the first step, later b = momentum b + (1 - dampening) g
//   w = w - learningRate b,  with nesterov: w = w - learningRate (g + momentum b)
// Without momentum there is no buffer and b = g.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct SgdRule {
  float learning_rate;
  float momentum;
  float dampening;
  float weight_decay;
  bool nesterov;
  bool maximize;
};

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const Spec& spec);

  std::string objection_to_rows() const override;
  GradientCheck update(const UpdateArguments& args) const override;

 private:
  SgdRule rule_;
};

}  // namespace gradloom
