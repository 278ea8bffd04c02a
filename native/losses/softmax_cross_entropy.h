// Cross-entropy of logits z against a target distribution q over C classes, through the stable log-sum-exp:
//   m = max z,  ln p = z - m - ln(sum of e^(z - m)),  loss = -sum of q ln p,  dloss/dz = p (sum of q) - q
// The target is a class index y or a distribution t of the user's. With label smoothing a and class weights w
//   q = w ((1 - a) onehot(y) + a / C)   or   q = w ((1 - a) t + a / C)
// Class indices with weights are divided by the sum of w[y] instead of the number of samples; a sample of the ignored
// class counts for nothing (both as PyTorch has it, which gives NaN where nothing is left to divide by, and we 0).
// Safe for logits of any finite size.
#pragma once

#include "losses/loss.h"

namespace gradloom {

struct SoftmaxTargets {
  TargetKind kind;
  float smoothing;                   // a
  std::vector<float> class_weights;  // w; empty: all 1
  std::optional<int32_t> ignored;

  float class_weight(int64_t index) const {
    return class_weights.empty() ? 1.0F : class_weights[static_cast<size_t>(index)];
  }
};

class SoftmaxCrossEntropy final : public Loss {
 public:
  explicit SoftmaxCrossEntropy(const Spec& spec);

  TargetKind target_kind() const override { return targets_.kind; }
  double compute(const LossArguments& args) const override;
  double divisor(const Targets& targets, int64_t rows) const override;
  std::optional<int32_t> ignored_class() const override { return targets_.ignored; }
  void check_outputs(const Shape& output_shape) const override;

 private:
  SoftmaxTargets targets_;
};

}  // namespace gradloom
