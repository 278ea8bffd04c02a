// AdaGrad, diagonal form (J. Duchi, E. Hazan, Y. Singer, JMLR 12, 2011; the rule and defaults of PyTorch):
//   rate = learningRate / (1 + (step - 1) learningRateDecay)
//   g    = -g if direction is 'maximize';  coupled decay: g += weightDecay w;  decoupled: w -= rate weightDecay w
//   s    = s + g^2                                                  (s starts at initialAccumulator)
//   w    = w - rate g / (sqrt(s) + epsilon)                         epsilonPlacement 'outside'
//   w    = w - rate g / sqrt(s + epsilon)                           epsilonPlacement 'inside' (Keras 3, TensorFlow.js)
// Decoupled decay reads the old w and comes first, as in AdamW and Keras.
// Square root and division are IEEE-exact, and no multiply-add is fused, so every processor gives the same bits.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct AdagradRule {
  double learning_rate_decay;
  double initial_accumulator;
  float epsilon;
  bool decoupled;
  bool epsilon_inside;
  bool maximize;
};

class Adagrad final : public Optimizer {
 public:
  explicit Adagrad(const Spec& spec);

  int64_t divisions() const override { return 2; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  std::string objection_to_rows(float decay) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  GradientCheck update_rows(const RowUpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  double rate_of(double learning_rate, uint64_t step) const;

  AdagradRule rule_;
};

}  // namespace gradloom
