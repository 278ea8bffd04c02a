// Huber's loss (1964), a parabola that goes over into lines at delta. e = y - t:
//   loss = mean over a sample's outputs of e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)
//   dloss/dy = min(max(e, -delta), delta) / C
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class Huber final : public ElementwiseLoss {
 public:
  explicit Huber(const Spec& spec) : ElementwiseLoss(spec), delta_(spec.number("delta")) {}

  double compute(const LossArguments& args) const override;

 private:
  double delta_;
};

}  // namespace gradloom
