// RMSprop (T. Hinton, lecture 6e, 2012; the rule and defaults of PyTorch):
//   g = -g if direction is 'maximize';  g += weightDecay w
//   s = smoothing s + (1 - smoothing) g^2
//   centered: a = smoothing a + (1 - smoothing) g,  v = max(s - a^2, 0);  else v = s
//   u = g / (sqrt(v) + epsilon)
//   b = momentum b + u,  w = w - learningRate b;  without momentum w = w - learningRate u
// All states start at 0. In float32 s - a^2 can fall a little below 0, which is held at 0.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct RmspropRule {
  double smoothing;
  float epsilon;
  float momentum;
  bool centered;
  bool maximize;
};

class Rmsprop final : public Optimizer {
 public:
  explicit Rmsprop(const Spec& spec);

  int64_t divisions() const override { return 2; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  RmspropRule rule_;
};

}  // namespace gradloom
