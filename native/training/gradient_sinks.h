// The places where a layer's gradients go: at once into the update of its weights, into a buffer for steps that need
// all gradients before the first update, or nowhere. What stands between a gradient and its update works element by
// element too, so the first two give the same bits.
#pragma once

#include <atomic>

#include "layers/layer.h"
#include "training/learner.h"
#include "training/step_gradients.h"

namespace gradloom {

// Elements [first, first + count) of a parameter (numbered over the network).
struct Stretch {
  int parameter;
  int64_t first;
  int64_t count;
};

// Adds the gradient of the parameter's penalty.
void regularize(const Learner& learner, const Stretch& stretch, const float* weights, float* gradient);
// Holds the gradient within the limit of clipping by value.
void clip_by_value(const Learner& learner, int64_t count, float* gradient);
// Updates the elements by their gradient, by an optimizer that works element by element; those of a statistic become
// `gradient`. `step` counts from 1.
GradientCheck update_stretch(Learner& learner, const Stretch& stretch, const float* gradient, uint64_t step);

// Updates rows of a table by their gradients, within the limit of clipping by value, which changes them.
GradientCheck update_rows(Learner& learner, int parameter, const RowGradients& rows, uint64_t step);

class UpdatingSink final : public GradientSink {
 public:
  UpdatingSink(Learner& learner, int first_parameter) : learner_(learner), first_parameter_(first_parameter) {}

  float* target(int /*parameter*/, int64_t /*first*/, float* scratch) override { return scratch; }
  void complete(int parameter, int64_t first, int64_t count, float* gradient) override;
  void complete_rows(int parameter, const RowGradients& rows) override;

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
  void complete(int /*parameter*/, int64_t /*first*/, int64_t /*count*/, float* /*gradient*/) override {}
};

// Tables are not buffered: nothing that needs all gradients has to do with theirs, so their rows are updated at once.
class BufferingSink final : public GradientSink {
 public:
  BufferingSink(Learner& learner, int first_parameter, StepGradients& gradients)
      : learner_(learner),
        architecture_(learner.network().architecture()),
        first_parameter_(first_parameter),
        gradients_(gradients) {}

  float* target(int parameter, int64_t first, float* scratch) override;
  void complete(int parameter, int64_t first, int64_t count, float* gradient) override;
  void complete_rows(int parameter, const RowGradients& rows) override;

  // Of the tables' updates since the last call.
  bool take_not_finite() { return not_finite_.exchange(false, std::memory_order_relaxed); }

 private:
  const Architecture::Parameter& at(int parameter) const {
    return architecture_.parameters()[static_cast<size_t>(first_parameter_ + parameter)];
  }

  Learner& learner_;
  const Architecture& architecture_;
  int first_parameter_;
  StepGradients& gradients_;
  std::atomic<bool> not_finite_{false};
};

}  // namespace gradloom
