// Samples that lie in memory: inputs as float32, uint8, ids or sparse rows, an optional list of the rows that belong to
// the set, an affine map of every value, and labels. Whoever makes it keeps the memory alive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/input_form.h"
#include "common/parallel.h"
#include "common/shape.h"
#include "datasets/sparse_batch.h"

namespace gradloom {

struct InputArray {
  enum class Type {
    kFloat32,
    kUint8,
    kInt32,   // ids
    kSparse,  // row r has the entries [offsets[r], offsets[r + 1]) of `indices` and, unless it is null, of `data`,
              // floats
  };
  Type type = Type::kFloat32;
  const void* data = nullptr;
  int64_t length = 0;  // values, or entries
  const uint32_t* indices = nullptr;
  const uint32_t* offsets = nullptr;
  int64_t rows = 0;  // of kSparse: one less than the offsets
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

  // Throws INVALID_DATA unless the inputs can be read in this form, and ID_OUT_OF_RANGE, naming sample and place,
  // unless every id is below `rows`.
  void check_inputs(InputForm form, int64_t rows) const;

  // Entries of all samples; 0 of samples that are neither ids nor sparse.
  int64_t entries() const;
  // The entries of the `count` samples that have most: what a batch may need room for.
  int64_t most_entries(int64_t count) const;
  // Samples order[i], or first + i when order is null, for i in [0, count), of ids or sparse rows.
  void gather_sparse(Team& team, const uint32_t* order, int64_t first, int64_t count, SparseBatch& batch) const;

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
  int64_t input_rows() const;
  void check_sparse(const Shape& sample_shape) const;
  int64_t entries_of(int64_t row) const;
  void spread_row(int64_t row, float* out) const;

  ArrayDescription description_;
  int64_t sample_size_;
  bool identity_ = false;
  AlignedBuffer scale_;  // one factor and summand a value of a sample
  AlignedBuffer shift_;
};

}  // namespace gradloom
