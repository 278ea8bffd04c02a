// Negative log-likelihood of counts t under a Poisson distribution whose rate is e^z, without the term ln(t!) that does
// not depend on z (as PyTorch's PoissonNLLLoss by default: log input, not full):
//   loss = mean over a sample's outputs of e^z - t z;  dloss/dz = (e^z - t) / C
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class Poisson final : public ElementwiseLoss {
 public:
  using ElementwiseLoss::ElementwiseLoss;

  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
