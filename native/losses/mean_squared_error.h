// loss = mean over a sample's outputs of (y - t)^2;  dloss/dy = 2 (y - t) / C
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class MeanSquaredError final : public ElementwiseLoss {
 public:
  using ElementwiseLoss::ElementwiseLoss;

  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
