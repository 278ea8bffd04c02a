// A loss that is computed elsewhere, for whole batches: value and gradient come from a LossCaller, which may make the
// thread wait. Not in the registry, since no spec makes it.
#pragma once

#include <memory>

#include "losses/loss.h"

namespace gradloom {

class LossCaller {
 public:
  virtual ~LossCaller() = default;
  // The mean over the rows, and its gradient by the outputs unless args.gradient is null. Throws Stopped when the work
  // is to end before the answer has come.
  virtual double mean(const LossArguments& args) = 0;
};

class CustomLoss final : public Loss {
 public:
  // Reads "labels" of the spec: "class" or "values".
  CustomLoss(const Spec& spec, std::shared_ptr<LossCaller> caller)
      : Loss(spec),
        target_kind_(spec.string("labels") == "class" ? TargetKind::kClass : TargetKind::kValues),
        caller_(std::move(caller)) {}

  TargetKind target_kind() const override { return target_kind_; }
  bool whole_batches() const override { return true; }
  double compute(const LossArguments& args) const override {
    return caller_->mean(args) * static_cast<double>(args.rows);
  }

 private:
  TargetKind target_kind_;
  std::shared_ptr<LossCaller> caller_;
};

}  // namespace gradloom
