// The squared hinge loss. y = t, and -1 where t is 0, so that targets may be -1 and 1, or 0 and 1:
//   loss = mean over a sample's outputs f of max(0, 1 - y f)^2;  dloss/df = -2 y max(0, 1 - y f) / C
// An infinite output on the right side is no number here, so that it does not pass for a good one.
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class SquaredHinge final : public ElementwiseLoss {
 public:
  using ElementwiseLoss::ElementwiseLoss;

  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
