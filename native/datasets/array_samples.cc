#include "datasets/array_samples.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

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
  const bool sparse = d.inputs.type == InputArray::Type::kSparse;
  const int64_t rows = input_rows();
  if ((!sparse && d.inputs.length % sample_size_ != 0) || (d.indices == nullptr && rows < d.count)) {
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
  if (sparse) check_sparse(sample_shape);
  check_period("scale", d.scale, sample_size_);
  check_period("shift", d.shift, sample_size_);
  identity_ = std::all_of(d.scale.begin(), d.scale.end(), [](float s) { return s == 1.0F; }) &&
              std::all_of(d.shift.begin(), d.shift.end(), [](float s) { return s == 0.0F; });
  // A sparse sample may have billions of features, and is never mapped.
  if (sparse && !identity_) throw Error("INVALID_DATA", "sparse samples have no scale and no shift");
  if (sparse) return;
  scale_ = spread(d.scale, sample_size_);
  shift_ = spread(d.shift, sample_size_);
}

int64_t ArraySamples::input_rows() const {
  const InputArray& inputs = description_.inputs;
  return inputs.type == InputArray::Type::kSparse ? inputs.rows : inputs.length / sample_size_;
}

int64_t ArraySamples::entries_of(int64_t row) const {
  const InputArray& inputs = description_.inputs;
  return inputs.type == InputArray::Type::kSparse ? int64_t{inputs.offsets[row + 1]} - inputs.offsets[row]
                                                  : sample_size_;
}

// Of the rows that belong to the set.
void ArraySamples::check_sparse(const Shape& sample_shape) const {
  const InputArray& inputs = description_.inputs;
  for (int64_t i = 0; i < description_.count; ++i) {
    const int64_t at = row(nullptr, i);
    const uint32_t begin = inputs.offsets[at];
    const uint32_t end = inputs.offsets[at + 1];
    if (begin > end || end > inputs.length) {
      throw Error("INVALID_DATA", "sample " + std::to_string(i) + " of a sparse dataset has the entries " +
                                      std::to_string(begin) + " to " + std::to_string(end) + " of " +
                                      std::to_string(inputs.length));
    }
    for (uint32_t e = begin; e < end; ++e) {
      if (inputs.indices[e] < sample_size_) continue;
      throw Error("ID_OUT_OF_RANGE", "sample " + std::to_string(i) + " names feature " +
                                         std::to_string(inputs.indices[e]) + ", but samples have the shape " +
                                         sample_shape.to_string() + ": features 0 to " +
                                         std::to_string(sample_size_ - 1));
    }
  }
}

void ArraySamples::check_inputs(InputForm form, int64_t rows) const {
  const InputArray& inputs = description_.inputs;
  if (form == InputForm::kFloats) return;
  if (form == InputForm::kSparse) {
    if (inputs.type == InputArray::Type::kSparse) return;
    throw Error("INVALID_DATA",
                "the model's first layer reads sparse samples, the dataset has dense ones; make it with fromSparse");
  }
  if (inputs.type != InputArray::Type::kInt32) {
    throw Error("INVALID_DATA",
                "the model's first layer reads ids, the dataset has other numbers; give them as an Int32Array");
  }
  if (!identity_) throw Error("INVALID_DATA", "ids have no scale and no shift");
  const auto* ids = static_cast<const int32_t*>(inputs.data);
  for (int64_t i = 0; i < description_.count; ++i) {
    const int32_t* sample = ids + row(nullptr, i) * sample_size_;
    for (int64_t j = 0; j < sample_size_; ++j) {
      if (sample[j] >= 0 && sample[j] < rows) continue;
      throw Error("ID_OUT_OF_RANGE", "sample " + std::to_string(i) + " has the id " + std::to_string(sample[j]) +
                                         " at place " + std::to_string(j) + ", but the model's table has " +
                                         std::to_string(rows) + " rows: 0 to " + std::to_string(rows - 1));
    }
  }
}

int64_t ArraySamples::entries() const {
  const InputArray::Type type = description_.inputs.type;
  if (type != InputArray::Type::kSparse && type != InputArray::Type::kInt32) return 0;
  int64_t total = 0;
  for (int64_t i = 0; i < description_.count; ++i) total += entries_of(row(nullptr, i));
  return total;
}

int64_t ArraySamples::most_entries(int64_t count) const {
  if (description_.inputs.type != InputArray::Type::kSparse) return checked_multiply(count, sample_size_);
  std::vector<int64_t> lengths(static_cast<size_t>(description_.count));
  for (int64_t i = 0; i < description_.count; ++i) lengths[static_cast<size_t>(i)] = entries_of(row(nullptr, i));
  const auto most = lengths.begin() + std::min(count, description_.count);
  std::nth_element(lengths.begin(), most, lengths.end(), std::greater<>());
  return std::accumulate(lengths.begin(), most, int64_t{0});
}

void ArraySamples::gather_sparse(Team& team, const uint32_t* order, int64_t first, int64_t count,
                                 SparseBatch& batch) const {
  const InputArray& inputs = description_.inputs;
  batch.reserve(count, 0);
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    batch.offsets()[i] = total;
    total += entries_of(row(order, first + i));
  }
  batch.offsets()[count] = total;
  batch.reserve(count, total);
  const auto* values = inputs.type == InputArray::Type::kSparse ? static_cast<const float*>(inputs.data) : nullptr;
  const Tiling tiles = tile_rows(count, ceil_divide(total, std::max<int64_t>(count, 1)));
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const int64_t at = row(order, first + i);
      const int64_t to = batch.offsets()[i];
      const auto entries = static_cast<size_t>(batch.offsets()[i + 1] - to);
      std::fill_n(batch.samples() + to, entries, static_cast<uint32_t>(i));
      // Ids were checked to be no less than 0.
      const void* ids = inputs.type == InputArray::Type::kSparse
                            ? static_cast<const void*>(inputs.indices + inputs.offsets[at])
                            : static_cast<const int32_t*>(inputs.data) + at * sample_size_;
      if (entries > 0) std::memcpy(batch.indices() + to, ids, entries * sizeof(uint32_t));
      if (values != nullptr) std::copy_n(values + inputs.offsets[at], entries, batch.values() + to);
    }
  });
  batch.filled(count, values != nullptr);
}

// A sparse sample with its zeros. Entries of one feature add up.
void ArraySamples::spread_row(int64_t row, float* out) const {
  const InputArray& inputs = description_.inputs;
  const auto* values = static_cast<const float*>(inputs.data);
  std::fill_n(out, sample_size_, 0.0F);
  for (uint32_t e = inputs.offsets[row]; e < inputs.offsets[row + 1]; ++e) {
    out[inputs.indices[e]] += values == nullptr ? 1.0F : values[e];
  }
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
  const InputArray::Type type = description_.inputs.type;
  const auto* id_data = static_cast<const int32_t*>(description_.inputs.data);
  const auto* byte_data = static_cast<const uint8_t*>(description_.inputs.data);
  const auto* float_data = static_cast<const float*>(description_.inputs.data);
  const Tiling tiles = tile_rows(count, sample_size_);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const int64_t source = row(order, first + i) * sample_size_;
      float* out = x + i * sample_size_;
      if (type == InputArray::Type::kSparse) {
        spread_row(row(order, first + i), out);
      } else if (type == InputArray::Type::kInt32) {
        for (int64_t j = 0; j < sample_size_; ++j) {
          out[j] = static_cast<float>(id_data[source + j]) * scale_.data()[j] + shift_.data()[j];
        }
      } else if (type == InputArray::Type::kUint8) {
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
  if (description_.inputs.type == InputArray::Type::kSparse) {
    std::copy_n(gradients, count * sample_size_, stored);
    return;
  }
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
