// The places where a layer's gradients go: at once into the update of its weights, into a buffer for steps that need
// all gradients before the first update, or nowhere. What stands between a gradient and its update works element by
// element too, so the first two give the same bits.
#pragma once

#include <atomic>
#include <vector>

#include "layers/layer.h"
#include "training/run/learner.h"
#include "training/step/step_gradients.h"
#include "training/tables/hogwild_buffers.h"
#include "training/tables/shared_tables.h"

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
// `product`, if there is one, makes the gradient.
GradientCheck update_stretch(Learner& learner, const Stretch& stretch, const float* gradient, uint64_t step,
                             const DueProduct* product = nullptr);

// Updates rows of a table by their gradients, within the limit of clipping by value, which changes them.
// `hogwild_buffer`: where threads race.
GradientCheck update_rows(Learner& learner, int parameter, const RowGradients& rows, uint64_t step,
                          float* hogwild_buffer = nullptr);

// Rows of tables are updated at once, whatever becomes of other gradients; those of tables that several layers read are
// kept until all of these are through.
class TableSink : public GradientSink {
 public:
  void begin_rows(int parameter, int64_t touched) final;
  float* row_target(int parameter, int64_t first, float* scratch) final;
  void complete_rows(int parameter, const RowGradients& rows) final;

  // Of the updates since the last call.
  bool take_not_finite() { return not_finite_.exchange(false, std::memory_order_relaxed); }

 protected:
  TableSink(Learner& learner, int layer, SharedTables& tables, HogwildBuffers& buffers);

  const Architecture::Parameter& at(int parameter) const {
    return learner_.network().architecture().parameters()[static_cast<size_t>(first_parameter_ + parameter)];
  }
  void note(GradientCheck check) {
    if (check == GradientCheck::kNotFinite) not_finite_.store(true, std::memory_order_relaxed);
  }

  Learner& learner_;
  int first_parameter_;

 private:
  HogwildBuffers& hogwild_buffers_;
  std::vector<TableUse*> uses_;  // by parameter of the layer; null for others than shared tables
  std::atomic<bool> not_finite_{false};
};

class UpdatingSink final : public TableSink {
 public:
  UpdatingSink(Learner& learner, int layer, SharedTables& tables, HogwildBuffers& buffers)
      : TableSink(learner, layer, tables, buffers) {}

  float* target(int /*parameter*/, int64_t /*first*/, float* scratch) override { return scratch; }
  void complete(int parameter, int64_t first, int64_t count, float* gradient) override;
  void complete_product(int parameter, int64_t first, DueProduct product, float* scratch) override;
};

// For plans that nobody wants weight gradients of.
class DiscardingSink final : public GradientSink {
 public:
  float* target(int /*parameter*/, int64_t /*first*/, float* scratch) override { return scratch; }
  void complete(int /*parameter*/, int64_t /*first*/, int64_t /*count*/, float* /*gradient*/) override {}
};

// Gradients of a layer whose parameters a later one has, too, are added to that one's.
class BufferingSink final : public TableSink {
 public:
  BufferingSink(Learner& learner, int layer, SharedTables& tables, HogwildBuffers& buffers, StepGradients& gradients)
      : TableSink(learner, layer, tables, buffers),
        part_(learner.network().architecture().adds_gradients(layer) ? GradientPart::kFurther : GradientPart::kFirst),
        gradients_(gradients) {}

  float* target(int parameter, int64_t first, float* scratch) override;
  void complete(int parameter, int64_t first, int64_t count, float* gradient) override;

 private:
  GradientPart part_;
  StepGradients& gradients_;
};

}  // namespace gradloom
