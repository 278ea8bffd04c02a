// The hinge loss of support vector machines. y = t, and -1 where t is 0, so that targets may be -1 and 1, or 0 and 1:
//   loss = mean over a sample's outputs f of max(0, 1 - y f);  dloss/df = -y / C where y f < 1, else 0
// An infinite output on the right side is no number here, so that it does not pass for a good one.
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class Hinge final : public ElementwiseLoss {
 public:
  using ElementwiseLoss::ElementwiseLoss;

  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
