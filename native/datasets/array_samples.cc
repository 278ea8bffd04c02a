#include "datasets/array_samples.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {
namespace {

std::vector<InputColumn> one_input(const ArrayDescription& d, const Shape& sample_shape) {
  std::vector<InputColumn> inputs;
  inputs.emplace_back(InputDescription{"", d.inputs, d.scale, d.shift}, sample_shape);
  return inputs;
}

}  // namespace

ArraySamples::ArraySamples(const ArrayDescription& description, const Shape& sample_shape)
    : ArraySamples(description, one_input(description, sample_shape)) {}

ArraySamples::ArraySamples(const SetDescription& description, std::vector<InputColumn> inputs)
    : set_(description), inputs_(std::move(inputs)) {
  for (const InputColumn& input : inputs_) input.check_rows(all());
  const int64_t rows = inputs_.front().rows();
  for (const InputColumn& input : inputs_) {
    if (input.rows() == rows) continue;
    throw Error("SHAPE_MISMATCH", "the inputs of a dataset have " + std::to_string(rows) + " and " +
                                      std::to_string(input.rows()) + " rows; all must have the same");
  }
  const LabelArray& labels = set_.labels;
  if (labels.type != LabelArray::Type::kNone && labels.length != checked_multiply(rows, labels.row_size)) {
    throw Error("SHAPE_MISMATCH", "got " + std::to_string(labels.length) + " label values for " + std::to_string(rows) +
                                      " rows of " + std::to_string(labels.row_size));
  }
}

void ArraySamples::check_inputs(InputForm form, int64_t limit, int number) const {
  input(number).check_form(all(), form, limit);
}

void ArraySamples::check_images() const {
  for (const InputColumn& input : inputs_) input.check_images();
}

int64_t ArraySamples::entries(int number) const { return input(number).entries(all()); }

int64_t ArraySamples::most_entries(int64_t count, int number) const { return input(number).most_entries(all(), count); }

void ArraySamples::gather_sparse(Team& team, const uint32_t* order, int64_t first, int64_t count, SparseBatch& batch,
                                 int number) const {
  input(number).gather_sparse(team, rows(order, first, count), batch);
}

void ArraySamples::gather_ids(Team& team, const uint32_t* order, int64_t first, int64_t count, int64_t limit,
                              SparseBatch& batch, int number) const {
  input(number).gather_ids(team, rows(order, first, count), limit, batch);
}

void ArraySamples::gather_inputs(Team& team, const uint32_t* order, int64_t first, int64_t count,
                                 const BatchPlace& place, int number, const Augmenter* augmenter) const {
  // The batch behind the next one: it has the time of a step to come from a disk.
  const int64_t later = first + 2 * count;
  input(number).prefetch(rows(order, later, std::clamp<int64_t>(set_.count - later, 0, count)));
  input(number).gather(team, rows(order, first, count), place, augmenter);
}

void ArraySamples::locate_inputs(const uint32_t* order, int64_t first, int64_t count, std::vector<ByteSpan>& places,
                                 int number, int64_t stretches) const {
  input(number).locate(rows(order, first, std::clamp<int64_t>(set_.count - first, 0, count)), places, stretches);
}

void ArraySamples::gradients_by_stored(Team& team, int64_t count, const float* gradients, float* stored,
                                       int number) const {
  input(number).gradients_by_stored(team, count, gradients, stored);
}

int32_t ArraySamples::class_at(int64_t row) const {
  const LabelArray& labels = set_.labels;
  return labels.type == LabelArray::Type::kUint8 ? static_cast<const uint8_t*>(labels.data)[row]
                                                 : static_cast<const int32_t*>(labels.data)[row];
}

void ArraySamples::check_classes(int64_t classes, std::optional<int32_t> except) const {
  for (int64_t i = 0; i < set_.count; ++i) {
    const int32_t label = class_at(all().at(i));
    if (label != except && (label < 0 || label >= classes)) {
      throw Error("LABEL_OUT_OF_RANGE", "sample " + std::to_string(i) + " has class " + std::to_string(label) +
                                            ", but the model tells " + std::to_string(classes) +
                                            " classes apart: 0 to " + std::to_string(classes - 1));
    }
  }
}

void ArraySamples::gather_classes(const uint32_t* order, int64_t first, int64_t count, int32_t* classes) const {
  const Rows chosen = rows(order, first, count);
  for (int64_t i = 0; i < count; ++i) classes[i] = class_at(chosen.at(i));
}

void ArraySamples::gather_values(const uint32_t* order, int64_t first, int64_t count, float* values) const {
  const Rows chosen = rows(order, first, count);
  if (labels_are_classes()) {
    for (int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(class_at(chosen.at(i)));
  } else {
    copy_rows(static_cast<const float*>(set_.labels.data), label_size(), chosen, 0, count, values);
  }
}

void ArraySamples::gather_weights(const uint32_t* order, int64_t first, int64_t count, float* weights) const {
  const Rows chosen = rows(order, first, count);
  for (int64_t i = 0; i < count; ++i) weights[i] = set_.weights[chosen.at(i)];
}

}  // namespace gradloom
