// The places where a layer's gradients go: at once into the update of its weights, into a buffer for plans that need
// all gradients before the first update, or nowhere. Updates are elementwise, so the first two give the same bits.
#pragma once

#include <atomic>

#include "layers/layer.h"
#include "training/learner.h"

namespace gradloom {

// Updates elements [first, first + count) of parameter `parameter` (numbered over the network) by their gradient; those
// of a statistic become `gradient`. `step` counts from 1.
GradientCheck update_parameter(Learner& learner, int parameter, int64_t first, int64_t count, const float* gradient,
                               uint64_t step);

class UpdatingSink final : public GradientSink {
 public:
  UpdatingSink(Learner& learner, int first_parameter) : learner_(learner), first_parameter_(first_parameter) {}

  float* target(int /*parameter*/, int64_t /*first*/, float* scratch) override { return scratch; }
  void complete(int parameter, int64_t first, int64_t count, const float* gradient) override;

  // Of the updates since the last call.
  bool take_not_finite() { return not_finite_.exchange(false, std::memory_order_relaxed); }

 private:
  Learner& learner_;
  int first_parameter_;
  std::atomic<bool> not_finite_{false};
};

// For plans that nobody wants weight gradients of.
class DiscardingSink final : public GradientSink {
 public:
  float* target(int /*parameter*/, int64_t /*first*/, float* scratch) override { return scratch; }
  void complete(int /*parameter*/, int64_t /*first*/, int64_t /*count*/, const float* /*gradient*/) override {}
};

class BufferingSink final : public GradientSink {
 public:
  // `gradients` is laid out like the network's weights.
  BufferingSink(const Architecture& architecture, int first_parameter, float* gradients)
      : architecture_(architecture), first_parameter_(first_parameter), gradients_(gradients) {}

  float* target(int parameter, int64_t first, float* scratch) override;
  void complete(int /*parameter*/, int64_t /*first*/, int64_t /*count*/, const float* /*gradient*/) override {}
  // Rows that no step touches keep what the buffer had.
  void complete_rows(int parameter, const RowGradients& rows) override;

 private:
  const Architecture& architecture_;
  int first_parameter_;
  float* gradients_;
};

}  // namespace gradloom
