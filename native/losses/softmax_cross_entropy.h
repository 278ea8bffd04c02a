// Cross-entropy of logits z against a class index y, through the stable log-sum-exp:
//   m = max z,  loss = ln(sum of e^(z - m)) - (z_y - m),  dloss/dz = softmax(z) - onehot(y)
// Safe for logits of any finite size.
#pragma once

#include "losses/loss.h"

namespace gradloom {

class SoftmaxCrossEntropy final : public Loss {
 public:
  using Loss::Loss;

  TargetKind target_kind() const override { return TargetKind::kClass; }
  double compute(const LossArguments& args) const override;
  void check_outputs(const Shape& output_shape) const override;
};

}  // namespace gradloom
