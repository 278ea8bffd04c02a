// Samples that lie in memory or in mapped files: one input or several (InputColumn), an optional list of the rows that
// belong to the set, and labels. Whoever makes it keeps the memory alive.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/input_form.h"
#include "common/parallel.h"
#include "common/shape.h"
#include "datasets/input_column.h"
#include "datasets/sparse_batch.h"

namespace gradloom {

struct LabelArray {
  enum class Type { kNone, kInt32, kUint8, kFloat32 };
  Type type = Type::kNone;
  const void* data = nullptr;
  int64_t length = 0;
  int64_t row_size = 1;

  bool classes() const { return type == Type::kInt32 || type == Type::kUint8; }
};

// All of a set but its inputs.
struct SetDescription {
  LabelArray labels;
  const float* weights = nullptr;     // one a row, for the loss; null: all 1
  const uint32_t* indices = nullptr;  // null: rows 0, 1, 2, ...
  int64_t count = 0;                  // samples of the set
};

// A set of one input.
struct ArrayDescription : SetDescription {
  InputArray inputs;
  // As in InputDescription.
  std::vector<float> scale;
  std::vector<float> shift;
};

class ArraySamples {
 public:
  // Throws SHAPE_MISMATCH or INVALID_DATA when lengths, rows or periods do not fit samples of this shape.
  ArraySamples(const ArrayDescription& description, const Shape& sample_shape);
  // Of at least one input.
  ArraySamples(const SetDescription& description, std::vector<InputColumn> inputs);

  int64_t count() const { return set_.count; }
  int input_count() const { return static_cast<int>(inputs_.size()); }
  bool labels_are_classes() const { return set_.labels.classes(); }
  int64_t label_size() const { return set_.labels.type == LabelArray::Type::kNone ? 0 : set_.labels.row_size; }

  bool weighted() const { return set_.weights != nullptr; }

  // Throws LABEL_OUT_OF_RANGE, naming the sample, unless every class lies in [0, classes) or is `except`.
  void check_classes(int64_t classes, std::optional<int32_t> except = std::nullopt) const;

  // Throws INVALID_DATA unless an input can be read in this form, and ID_OUT_OF_RANGE, naming sample and place, unless
  // every id is below `rows`.
  void check_inputs(InputForm form, int64_t rows, int input = 0) const;

  // Throws INVALID_DATA unless all inputs are images, which an Augmenter can change.
  void check_images() const;

  // Of an input: entries of all samples; 0 of samples that are neither ids nor sparse.
  int64_t entries(int input = 0) const;
  // Of an input: the entries of the `count` samples that have most: what a batch may need room for.
  int64_t most_entries(int64_t count, int input = 0) const;

  // Samples order[first + i], or first + i when order is null, for i in [0, count), of sparse rows.
  void gather_sparse(Team& team, const uint32_t* order, int64_t first, int64_t count, SparseBatch& batch,
                     int input = 0) const;
  // The same of ids. Throws ID_OUT_OF_RANGE, naming sample and place, unless every id is below `limit`.
  void gather_ids(Team& team, const uint32_t* order, int64_t first, int64_t count, int64_t limit, SparseBatch& batch,
                  int input = 0) const;
  // x[i] = sample order[i], or sample first + i when order is null; for i in [0, count). Changed by the augmenter, if
  // there is one. Throws as InputColumn::gather does.
  void gather_inputs(Team& team, const uint32_t* order, int64_t first, int64_t count, const BatchPlace& place,
                     int input = 0, const Augmenter* augmenter = nullptr) const;
  // Adds where these samples of an input lie, where they come from memory (InputColumn::locate); none beyond the last.
  void locate_inputs(const uint32_t* order, int64_t first, int64_t count, std::vector<ByteSpan>& places, int input = 0,
                     int64_t stretches = 1) const;
  // The same as gather_inputs for labels, as class indices or as floats (classes 0 and 1 become 0.0 and 1.0).
  void gather_classes(const uint32_t* order, int64_t first, int64_t count, int32_t* classes) const;
  void gather_values(const uint32_t* order, int64_t first, int64_t count, float* values) const;
  void gather_weights(const uint32_t* order, int64_t first, int64_t count, float* weights) const;

  // Turns gradients by the values that gather_inputs gives, of `count` samples, into those by the stored values.
  void gradients_by_stored(Team& team, int64_t count, const float* gradients, float* stored, int input = 0) const;

 private:
  const InputColumn& input(int number) const { return inputs_[static_cast<size_t>(number)]; }
  Rows rows(const uint32_t* order, int64_t first, int64_t count) const { return {set_.indices, order, first, count}; }
  Rows all() const { return rows(nullptr, 0, set_.count); }
  int32_t class_at(int64_t row) const;

  SetDescription set_;
  std::vector<InputColumn> inputs_;
};

}  // namespace gradloom
