// Adam (D. Kingma, J. Ba, arXiv:1412.6980), AMSGrad (S. Reddi, S. Kale, S. Kumar, ICLR 2018) and AdamW (I. Loshchilov,
// F. Hutter, arXiv:1711.05101), by the rules and defaults of PyTorch:
//   g = -g if direction is 'maximize'
//   adam:   g = g + weightDecay w             adamW:  w = w - learningRate weightDecay w
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2;  amsgrad: x = max(x, v) stands for v below
//   w = w - learningRate / (1 - beta1^step) m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
// All states start at 0; powers and roots of the corrections are taken in double.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct AdamRule {
  double beta1;
  double beta2;
  float epsilon;
  bool amsgrad;
  bool decoupled;
  bool maximize;
};

// The kinds "adam" and "adamW".
class Adam final : public Optimizer {
 public:
  explicit Adam(const Spec& spec);

  int64_t divisions() const override { return 2; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  AdamRule rule_;
};

}  // namespace gradloom
