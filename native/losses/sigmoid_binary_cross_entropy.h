// Binary cross-entropy of logits z against targets t in [0, 1], each output a question of its own, where a yes counts P
// times (one P for all outputs, or one an output; 1 by default):
//   loss = mean over a sample's outputs of (1 - t) z + (1 + (P - 1) t) (ln(1 + e^-|z|) + max(-z, 0))
//   dloss/dz = ((1 + (P - 1) t) sigmoid(z) - P t) / C
// Safe for logits of any finite size.
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class SigmoidBinaryCrossEntropy final : public ElementwiseLoss {
 public:
  explicit SigmoidBinaryCrossEntropy(const Spec& spec)
      : ElementwiseLoss(spec), positive_weight_(spec.numbers("positiveWeight")) {}

  double compute(const LossArguments& args) const override;
  void check_outputs(const Shape& output_shape) const override;

 private:
  std::vector<double> positive_weight_;  // one, or one an output
};

}  // namespace gradloom
