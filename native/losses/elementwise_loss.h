// What losses share that compare each output with a value of its own and take the mean over a sample's outputs; their
// loop is elementwise-inl.h.
#pragma once

#include "losses/loss.h"

namespace gradloom {

class ElementwiseLoss : public Loss {
 public:
  using Loss::Loss;

  TargetKind target_kind() const final { return TargetKind::kValues; }
};

}  // namespace gradloom
