// Binary cross-entropy of logits z against targets t in [0, 1], each output a question of its own:
//   loss = max(z, 0) - z t + ln(1 + e^-|z|), mean over a sample's outputs;  dloss/dz = (sigmoid(z) - t) / C
// Safe for logits of any finite size.
#pragma once

#include "losses/loss.h"

namespace gradloom {

class SigmoidBinaryCrossEntropy final : public Loss {
 public:
  using Loss::Loss;

  TargetKind target_kind() const override { return TargetKind::kValues; }
  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
