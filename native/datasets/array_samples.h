// Samples that lie in memory: float32 or uint8 inputs, an optional list of the rows that belong to the set, an affine
// map of every value, and labels. Whoever makes it keeps the memory alive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "common/shape.h"

namespace gradloom {

struct InputArray {
  enum class Type { kFloat32, kUint8 };
  Type type = Type::kFloat32;
  const void* data = nullptr;
  int64_t length = 0;  // values
};

struct LabelArray {
  enum class Type { kNone, kInt32, kUint8, kFloat32 };
  Type type = Type::kNone;
  const void* data = nullptr;
  int64_t length = 0;
  int64_t row_size = 1;

  bool classes() const { return type == Type::kInt32 || type == Type::kUint8; }
};

struct ArrayDescription {
  InputArray inputs;
  LabelArray labels;
  const float* weights = nullptr;     // one a row, for the loss; null: all 1
  const uint32_t* indices = nullptr;  // null: rows 0, 1, 2, ...
  int64_t count = 0;                  // samples of the set
  // A value at position j of its sample reads as x * scale[j % scale.size()] + shift[j % shift.size()].
  std::vector<float> scale;
  std::vector<float> shift;
};

class ArraySamples {
 public:
  // Throws SHAPE_MISMATCH or INVALID_DATA when lengths, rows or periods do not fit samples of this shape.
  ArraySamples(const ArrayDescription& description, const Shape& sample_shape);

  int64_t count() const { return description_.count; }
  bool labels_are_classes() const { return description_.labels.classes(); }
  int64_t label_size() const {
    return description_.labels.type == LabelArray::Type::kNone ? 0 : description_.labels.row_size;
  }

  bool weighted() const { return description_.weights != nullptr; }

  // Throws LABEL_OUT_OF_RANGE, naming the sample, unless every class lies in [0, classes) or is `except`.
  void check_classes(int64_t classes, std::optional<int32_t> except = std::nullopt) const;

  // x[i] = sample order[i], or sample first + i when order is null; for i in [0, count).
  void gather_inputs(Team& team, const uint32_t* order, int64_t first, int64_t count, float* x) const;
  // The same for labels, as class indices or as floats (classes 0 and 1 become 0.0 and 1.0).
  void gather_classes(const uint32_t* order, int64_t first, int64_t count, int32_t* classes) const;
  void gather_values(const uint32_t* order, int64_t first, int64_t count, float* values) const;
  void gather_weights(const uint32_t* order, int64_t first, int64_t count, float* weights) const;

  // Turns gradients by the values that gather_inputs gives, of `count` samples, into those by the stored values.
  void gradients_by_stored(Team& team, int64_t count, const float* gradients, float* stored) const;

 private:
  int64_t row(const uint32_t* order, int64_t i) const;
  int32_t class_at(int64_t row) const;

  ArrayDescription description_;
  int64_t sample_size_;
  bool identity_ = false;
  AlignedBuffer scale_;  // one factor and summand a value of a sample
  AlignedBuffer shift_;
};

}  // namespace gradloom
