// loss = mean over a sample's outputs of (y - t)^2;  dloss/dy = 2 (y - t) / C
#pragma once

#include "losses/loss.h"

namespace gradloom {

class MeanSquaredError final : public Loss {
 public:
  using Loss::Loss;

  TargetKind target_kind() const override { return TargetKind::kValues; }
  double compute(const LossArguments& args) const override;
};

}  // namespace gradloom
