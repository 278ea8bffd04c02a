// The loss of Fast R-CNN (Girshick 2015), Huber's with delta = beta, divided by beta. e = y - t:
//   loss = mean over a sample's outputs of e^2 / (2 beta) where |e| < beta, else |e| - beta / 2
//   dloss/dy = min(max(e / beta, -1), 1) / C
#pragma once

#include "losses/elementwise_loss.h"

namespace gradloom {

class SmoothL1 final : public ElementwiseLoss {
 public:
  explicit SmoothL1(const Spec& spec) : ElementwiseLoss(spec), beta_(spec.number("beta")) {}

  double compute(const LossArguments& args) const override;

 private:
  double beta_;
};

}  // namespace gradloom
