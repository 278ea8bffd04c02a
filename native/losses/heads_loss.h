// The loss of a model with several heads, whose outputs stand side by side: the sum of the heads' losses, each times
// its weight. Targets stand side by side as values, C of a head, or one for a head whose targets are classes.
//   loss = sum of weight_h loss_h,  dloss/doutput = weight_h dloss_h/doutput in the columns of head h
// The parts are the heads' losses, without their weights.
#pragma once

#include "losses/loss.h"

namespace gradloom {

class HeadsLoss final : public Loss {
 public:
  static constexpr const char* kKind = "heads";

  // Reads a list "heads", in the order of their columns, of objects with "name", "loss", "weight" and "size" (outputs).
  explicit HeadsLoss(const Spec& spec);

  TargetKind target_kind() const override { return TargetKind::kValues; }
  int64_t target_size(int64_t /*columns*/) const override { return target_size_; }
  size_t parts() const override { return heads_.size(); }
  double compute(const LossArguments& args) const override;
  void check_targets(const float* values, int64_t sample) const override;
  void check_outputs(const Shape& output_shape) const override;

 private:
  struct Head {
    std::string name;
    std::unique_ptr<Loss> loss;
    double weight;
    int64_t size;  // outputs
    bool classes() const { return loss->target_kind() == TargetKind::kClass; }
    int64_t target_size() const { return classes() ? 1 : size; }
  };

  std::vector<Head> heads_;
  int64_t outputs_ = 0;
  int64_t target_size_ = 0;
};

}  // namespace gradloom
