// loss = mean over a sample's outputs of |y - t|;  dloss/dy = sign(y - t) / C, 0 where they are equal
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class MeanAbsoluteErrorLoss final : public ElementwiseLoss {
 public:
  using ElementwiseLoss::ElementwiseLoss;

  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
