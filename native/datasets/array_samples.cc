#include "datasets/array_samples.h"

#include <algorithm>
#include <cstring>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/affine.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

AlignedBuffer spread(const std::vector<float>& period, int64_t size) {
  AlignedBuffer buffer(size);
  for (int64_t j = 0; j < size; ++j) buffer.data()[j] = period[static_cast<size_t>(j) % period.size()];
  return buffer;
}

void check_period(const char* name, const std::vector<float>& period, int64_t size) {
  if (period.empty() || size % static_cast<int64_t>(period.size()) != 0) {
    throw Error("SHAPE_MISMATCH", std::string("a dataset's ") + name + " has " + std::to_string(period.size()) +
                                      " entries, which does not divide the " + std::to_string(size) +
                                      " values of a sample");
  }
}

}  // namespace

ArraySamples::ArraySamples(const ArrayDescription& description, const Shape& sample_shape)
    : description_(description), sample_size_(sample_shape.size()) {
  const ArrayDescription& d = description_;
  const int64_t rows = d.inputs.length / sample_size_;
  if (d.inputs.length % sample_size_ != 0 || (d.indices == nullptr && rows < d.count)) {
    throw Error("SHAPE_MISMATCH", "got " + std::to_string(d.inputs.length) + " input values for " +
                                      std::to_string(d.count) + " samples of shape " + sample_shape.to_string() +
                                      ", which need " + std::to_string(checked_multiply(d.count, sample_size_)));
  }
  if (d.labels.type != LabelArray::Type::kNone && d.labels.length != checked_multiply(rows, d.labels.row_size)) {
    throw Error("SHAPE_MISMATCH", "got " + std::to_string(d.labels.length) + " label values for " +
                                      std::to_string(rows) + " rows of " + std::to_string(d.labels.row_size));
  }
  if (d.indices != nullptr) {
    const uint32_t* out = std::find_if(d.indices, d.indices + d.count, [&](uint32_t row) { return row >= rows; });
    if (out != d.indices + d.count) {
      throw Error("INVALID_DATA", "sample " + std::to_string(out - d.indices) + " of a dataset is row " +
                                      std::to_string(*out) + " of " + std::to_string(rows));
    }
  }
  check_period("scale", d.scale, sample_size_);
  check_period("shift", d.shift, sample_size_);
  identity_ = std::all_of(d.scale.begin(), d.scale.end(), [](float s) { return s == 1.0F; }) &&
              std::all_of(d.shift.begin(), d.shift.end(), [](float s) { return s == 0.0F; });
  scale_ = spread(d.scale, sample_size_);
  shift_ = spread(d.shift, sample_size_);
}

int64_t ArraySamples::row(const uint32_t* order, int64_t i) const {
  const int64_t sample = order == nullptr ? i : order[i];
  return description_.indices == nullptr ? sample : description_.indices[sample];
}

int32_t ArraySamples::class_at(int64_t row) const {
  const LabelArray& labels = description_.labels;
  return labels.type == LabelArray::Type::kUint8 ? static_cast<const uint8_t*>(labels.data)[row]
                                                 : static_cast<const int32_t*>(labels.data)[row];
}

void ArraySamples::check_classes(int64_t classes, std::optional<int32_t> except) const {
  for (int64_t i = 0; i < description_.count; ++i) {
    const int32_t label = class_at(row(nullptr, i));
    if (label != except && (label < 0 || label >= classes)) {
      throw Error("LABEL_OUT_OF_RANGE", "sample " + std::to_string(i) + " has class " + std::to_string(label) +
                                            ", but the model tells " + std::to_string(classes) +
                                            " classes apart: 0 to " + std::to_string(classes - 1));
    }
  }
}

void ArraySamples::gather_inputs(Team& team, const uint32_t* order, int64_t first, int64_t count, float* x) const {
  const bool bytes = description_.inputs.type == InputArray::Type::kUint8;
  const auto* byte_data = static_cast<const uint8_t*>(description_.inputs.data);
  const auto* float_data = static_cast<const float*>(description_.inputs.data);
  const Tiling tiles = tile_rows(count, sample_size_);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const int64_t source = row(order, first + i) * sample_size_;
      float* out = x + i * sample_size_;
      if (bytes) {
        affine_from_bytes(byte_data + source, scale_.data(), shift_.data(), sample_size_, out);
      } else if (identity_) {
        std::memcpy(out, float_data + source, static_cast<size_t>(sample_size_) * sizeof(float));
      } else {
        affine(float_data + source, scale_.data(), shift_.data(), sample_size_, out);
      }
    }
  });
}

void ArraySamples::gradients_by_stored(Team& team, int64_t count, const float* gradients, float* stored) const {
  const Tiling tiles = tile_rows(count, sample_size_);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const int64_t at = i * sample_size_;
      for (int64_t j = 0; j < sample_size_; ++j) stored[at + j] = gradients[at + j] * scale_.data()[j];
    }
  });
}

void ArraySamples::gather_classes(const uint32_t* order, int64_t first, int64_t count, int32_t* classes) const {
  for (int64_t i = 0; i < count; ++i) classes[i] = class_at(row(order, first + i));
}

void ArraySamples::gather_values(const uint32_t* order, int64_t first, int64_t count, float* values) const {
  const int64_t size = label_size();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = row(order, first + i);
    if (labels_are_classes()) {
      values[i] = static_cast<float>(class_at(at));
    } else {
      std::memcpy(values + i * size, static_cast<const float*>(description_.labels.data) + at * size,
                  static_cast<size_t>(size) * sizeof(float));
    }
  }
}

void ArraySamples::gather_weights(const uint32_t* order, int64_t first, int64_t count, float* weights) const {
  for (int64_t i = 0; i < count; ++i) weights[i] = description_.weights[row(order, first + i)];
}

}  // namespace gradloom
