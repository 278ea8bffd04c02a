// The gradients of a step that knows all of them before its first update: those of one batch, or their mean over the
// samples of a group of batches.
#pragma once

#include <cstdint>

#include "common/aligned_buffer.h"
#include "common/parallel.h"

namespace gradloom {

// Of the layers that share a parameter, the one that backward comes to first, or another.
enum class GradientPart { kFirst, kFurther };

class StepGradients {
 public:
  // `size` floats, laid out like the weights, of steps of up to so many batches.
  StepGradients(int64_t size, int64_t batches) : values_(size), batches_(batches) {}

  float* values() { return values_.data(); }
  int64_t size() const { return values_.size(); }
  // Whether steps are made of several batches; else layers write their gradients straight into `values`.
  bool sums() const { return batches_ > 1; }

  // Before the backward pass of a batch.
  void begin_batch(int64_t samples);
  // A batch's gradient of some elements, or a part of it, into their sums at `values`: times the batch's samples, where
  // steps are made of several.
  void add(int64_t count, const float* gradient, float* values, GradientPart part = GradientPart::kFirst) const;
  // Batches since the last step.
  int64_t gathered() const { return gathered_; }
  // From sums to means, behind the last batch of a step.
  void finish(Team& team);
  // For the next step.
  void clear();

  // A loss that was not finite: under nonFinite 'skip' the step is left out.
  bool spoiled = false;

 private:
  AlignedBuffer values_;
  int64_t batches_;
  int64_t gathered_ = 0;
  int64_t samples_ = 0;
  float weight_ = 1;
};

}  // namespace gradloom
