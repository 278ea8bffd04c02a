#include "datasets/input_column.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/checked.h"
#include "kernels/gather/affine.h"
#include "kernels/layout/lane_batch.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

AlignedBuffer spread(const std::vector<float>& period, int64_t size) {
  AlignedBuffer buffer(size);
  std::ranges::copy(period, buffer.data());
  // Twice as many at a time: a prediction of one image of bytes makes these, too.
  for (auto done = static_cast<int64_t>(period.size()); done < size; done *= 2) {
    std::copy_n(buffer.data(), std::min(done, size - done), buffer.data() + done);
  }
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

InputColumn::InputColumn(InputDescription description, const Shape& sample_shape)
    : name_(std::move(description.name)),
      array_(description.array),
      sample_shape_(sample_shape),
      sample_size_(sample_shape.size()) {
  check_period("scale", description.scale, sample_size_);
  check_period("shift", description.shift, sample_size_);
  if (mapped() && array_.mapped->format().size != sample_size_) {
    throw Error("SHAPE_MISMATCH", "samples" + of_input() + " have " + std::to_string(array_.mapped->format().size) +
                                      " values in their files, but the shape " + sample_shape_.to_string());
  }
  identity_ = std::ranges::all_of(description.scale, [](float s) { return s == 1.0F; }) &&
              std::ranges::all_of(description.shift, [](float s) { return s == 0.0F; });
  // A sparse sample may have billions of features, and is never mapped.
  if (sparse() && !identity_) throw Error("INVALID_DATA", "sparse samples have no scale and no shift");
  if (sparse()) return;
  // Every prediction would make them anew, and read none.
  if (identity_ && array_.type == InputArray::Type::kFloat32) return;
  scale_ = spread(description.scale, sample_size_);
  shift_ = spread(description.shift, sample_size_);
}

// Of the input that an error is about, where there are several.
std::string InputColumn::of_input() const { return name_.empty() ? "" : " of input \"" + name_ + "\""; }

int64_t InputColumn::rows() const { return sparse() ? array_.rows : array_.length / sample_size_; }

int64_t InputColumn::entries_of(int64_t row) const {
  return sparse() ? int64_t{array_.offsets[row + 1]} - array_.offsets[row] : sample_size_;
}

void InputColumn::check_rows(const Rows& set) const {
  if ((!sparse() && array_.length % sample_size_ != 0) || (set.indices == nullptr && rows() < set.count)) {
    throw Error("SHAPE_MISMATCH", "got " + std::to_string(array_.length) + " input values" + of_input() + " for " +
                                      std::to_string(set.count) + " samples of shape " + sample_shape_.to_string() +
                                      ", which need " + std::to_string(checked_multiply(set.count, sample_size_)));
  }
  if (set.indices != nullptr) {
    const uint32_t* end = set.indices + set.count;
    const uint32_t* out = std::find_if(set.indices, end, [&](uint32_t row) { return row >= rows(); });
    if (out != end) {
      throw Error("INVALID_DATA", "sample " + std::to_string(out - set.indices) + of_input() + " of a dataset is row " +
                                      std::to_string(*out) + " of " + std::to_string(rows()));
    }
  }
  if (sparse()) check_entries(set);
}

void InputColumn::check_form(const Rows& set, InputForm form, int64_t limit) const {
  if (form == InputForm::kFloats) return;
  const std::string reader =
      name_.empty() ? "the model's first layer reads " : "the layers that read input \"" + name_ + "\" take ";
  if (form == InputForm::kSparse) {
    if (sparse()) return;
    throw Error("INVALID_DATA", reader + "sparse samples, the dataset has dense ones; make it with fromSparse");
  }
  if (array_.type != InputArray::Type::kInt32) {
    throw Error("INVALID_DATA", reader + "ids, the dataset has other numbers; give them as an Int32Array");
  }
  if (!identity_) throw Error("INVALID_DATA", "ids have no scale and no shift");
  const auto* ids = static_cast<const int32_t*>(array_.data);
  for (int64_t i = 0; i < set.count; ++i) {
    const int32_t* sample = ids + set.at(i) * sample_size_;
    for (int64_t j = 0; j < sample_size_; ++j) {
      if (sample[j] < 0 || sample[j] >= limit) throw id_out_of_range(i, j, sample[j], limit);
    }
  }
}

void InputColumn::prefetch(const Rows& rows) const {
  if (!mapped()) return;
  const bool in_order = rows.indices == nullptr && rows.order == nullptr;
  if (!array_.mapped->expect(in_order)) return;
  for (int64_t i = 0; i < rows.count; ++i) array_.mapped->prefetch(rows.at(i));
}

void InputColumn::locate(const Rows& rows, std::vector<ByteSpan>& places, int64_t stretches) const {
  constexpr int64_t kInCaches = int64_t{1} << 20;
  constexpr int64_t kMost = kInCaches / 4;
  if (sparse() || mapped()) return;
  const int64_t value = array_.type == InputArray::Type::kUint8 ? 1 : sizeof(float);
  const int64_t size = sample_size_ * value;
  if (array_.length * value <= kInCaches || rows.count * size > kMost) return;
  const auto* first = static_cast<const std::byte*>(array_.data);
  const Tiling features = cut_stretches(sample_size_, stretches);
  for (int64_t stretch = 0; stretch < features.count; ++stretch) {
    const std::byte* const of_stretch = first + features.first(stretch) * value;
    for (int64_t i = 0; i < rows.count; ++i) {
      places.emplace_back(of_stretch + rows.at(i) * size, static_cast<size_t>(features.size(stretch) * value));
    }
  }
}

// A sparse sample with its zeros. Entries of one feature add up.
void InputColumn::spread_row(int64_t row, float* out) const {
  const auto* values = static_cast<const float*>(array_.data);
  std::fill_n(out, sample_size_, 0.0F);
  for (uint32_t e = array_.offsets[row]; e < array_.offsets[row + 1]; ++e) {
    out[array_.indices[e]] += values == nullptr ? 1.0F : values[e];
  }
}

void InputColumn::check_images() const {
  const bool numbers = !sparse() && array_.type != InputArray::Type::kInt32;
  if (numbers && sample_shape_.rank() == 3) return;
  throw Error("INVALID_DATA",
              "fit: augment: changes images, samples of shape [height, width, channels] as bytes or floats" +
                  of_input() + "; leave it out");
}

void InputColumn::augment_row(const Augmenter& augmenter, int64_t place, int64_t row, float* out) const {
  const ImageSize size{sample_shape_[0], sample_shape_[1], sample_shape_[2]};
  const auto apply = [&](const auto* stored) {
    augmenter.apply(place, stored, scale_.data(), shift_.data(), size, out);
  };
  if (mapped()) {
    // As stored and channels last, in memory of this thread.
    thread_local AlignedBuffer copy;
    if (copy.size() < sample_size_) copy = AlignedBuffer(sample_size_);
    array_.mapped->copy(row, copy.data());
    const bool bytes = array_.mapped->format().type == RowFormat::Type::kUint8;
    return bytes ? apply(reinterpret_cast<const uint8_t*>(copy.data())) : apply(copy.data());
  }
  const int64_t first = row * sample_size_;
  if (array_.type == InputArray::Type::kUint8) return apply(static_cast<const uint8_t*>(array_.data) + first);
  apply(static_cast<const float*>(array_.data) + first);
}

void InputColumn::read_features(int64_t row, int64_t first, int64_t count, float* out) const {
  const int64_t at = row * sample_size_ + first;
  if (array_.type == InputArray::Type::kFloat32) {
    const float* stored = static_cast<const float*>(array_.data) + at;
    if (identity_) return copy_few(stored, count, out);
    return affine(stored, scale_.data() + first, shift_.data() + first, count, out);
  }
  const float* const scale = scale_.data() + first;
  const float* const shift = shift_.data() + first;
  if (array_.type == InputArray::Type::kUint8) {
    return affine_from_bytes(static_cast<const uint8_t*>(array_.data) + at, scale, shift, count, out);
  }
  const auto* ids = static_cast<const int32_t*>(array_.data) + at;
  for (int64_t j = 0; j < count; ++j) out[j] = static_cast<float>(ids[j]) * scale[j] + shift[j];
}

namespace {

// What samples that are no floats as they are stored become before they are transposed, some pixels at a time: so many
// values of each of sixteen, in L1. Of more channels these would be too few pixels to write side by side.
constexpr int64_t kMadeValues = 256;
constexpr int64_t kMostChannels = 64;
// Whole squares of a transposition, of any number of channels.
constexpr int64_t kPixelStep = 16;

int64_t pixels_at_once(int64_t channels) {
  const int64_t pixels = kMadeValues / channels;
  return pixels < kPixelStep ? pixels : pixels / kPixelStep * kPixelStep;
}

}  // namespace

void InputColumn::gather(Team& team, const Rows& rows, const BatchPlace& place, const Augmenter* augmenter) const {
  if (!place.lanes) return gather_in_rows(team, rows, augmenter, place.x, place.stretches);
  const LaneImage image = lane_image(sample_shape_);
  if (!has_to_be_whole(augmenter) && (as_stored() || image.channels <= kMostChannels)) {
    return gather_in_lanes(team, rows, place.x);
  }
  gather_in_rows(team, rows, augmenter, place.staging, 1);
  batch_to_lanes(team, image, rows.count, place.staging, place.x);
}

void InputColumn::gather_in_rows(Team& team, const Rows& rows, const Augmenter* augmenter, float* x,
                                 int64_t stretches) const {
  if (has_to_be_whole(augmenter)) return gather_whole(team, rows, x, augmenter, stretches);
  const Tiling features = cut_stretches(sample_size_, stretches);
  // No more jobs of stretches than of whole rows: who has done its own looks at those of others, which costs these
  // time.
  const Tiling tiles = tile_rows(rows.count, features.size(0) / features.count);
  team.for_each(features.count * tiles.count, [&](int64_t job, int) {
    const int64_t first = tiles.first(job % tiles.count);
    const int64_t count = tiles.size(job % tiles.count);
    if (as_stored() && features.count == 1) {
      return copy_rows(static_cast<const float*>(array_.data), sample_size_, rows, first, count, x);
    }
    const int64_t feature = features.first(job / tiles.count);
    const int64_t width = features.size(job / tiles.count);
    float* const of_stretch = x + feature * rows.count;
    for (int64_t i = first; i < first + count; ++i) read_features(rows.at(i), feature, width, of_stretch + i * width);
  });
}

// Floats that need no change are transposed where they are stored, others by way of a buffer.
void InputColumn::gather_in_lanes(Team& team, const Rows& rows, float* lanes) const {
  const LaneImage image = lane_image(sample_shape_);
  for_each_lane_part(team, image, rows.count, [&](int64_t block, const PixelRange& part) {
    const LaneRows of_block{rows, block * kLanes, std::min(kLanes, rows.count - block * kLanes)};
    float* const to = lanes + block * kLanes * sample_size_;
    as_stored() ? stored_to_lanes(of_block, image, part, to) : made_to_lanes(of_block, image, part, to);
  });
}

void InputColumn::stored_to_lanes(const LaneRows& block, const LaneImage& image, const PixelRange& part,
                                  float* lanes) const {
  const float* const stored = static_cast<const float*>(array_.data) + part.first * image.channels;
  std::array<const float*, kLanes> images;
  for (int64_t l = 0; l < block.samples; ++l) {
    images[static_cast<size_t>(l)] = stored + block.rows.at(block.first + l) * sample_size_;
  }
  samples_to_lanes(image, part, block.samples, images.data(), lanes);
}

void InputColumn::made_to_lanes(const LaneRows& block, const LaneImage& image, const PixelRange& part,
                                float* lanes) const {
  alignas(64) std::array<float, kLanes * kMadeValues> made;
  std::array<const float*, kLanes> images;
  for (int64_t l = 0; l < kLanes; ++l) images[static_cast<size_t>(l)] = made.data() + l * kMadeValues;
  const int64_t most = pixels_at_once(image.channels);
  for (int64_t pixel = part.first; pixel < part.end; pixel += most) {
    const PixelRange range{pixel, std::min(pixel + most, part.end)};
    const int64_t values = (range.end - pixel) * image.channels;
    for (int64_t l = 0; l < block.samples; ++l) {
      read_features(block.rows.at(block.first + l), pixel * image.channels, values, made.data() + l * kMadeValues);
    }
    samples_to_lanes(image, range, block.samples, images.data(), lanes);
  }
}

// Of rows that have to be made whole before they are laid apart.
void InputColumn::gather_whole(Team& team, const Rows& rows, float* x, const Augmenter* augmenter,
                               int64_t stretches) const {
  const Tiling features = cut_stretches(sample_size_, stretches);
  const Tiling tiles = tile_rows(rows.count, sample_size_);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      if (features.count == 1) {
        read_row(rows, i, augmenter, x + i * sample_size_);
        continue;
      }
      thread_local AlignedBuffer row;
      if (row.size() < sample_size_) row = AlignedBuffer(sample_size_);
      read_row(rows, i, augmenter, row.data());
      for (int64_t s = 0; s < features.count; ++s) {
        const int64_t width = features.size(s);
        std::copy_n(row.data() + features.first(s), width, x + features.first(s) * rows.count + i * width);
      }
    }
  });
  if (mapped()) array_.mapped->check();
}

void InputColumn::read_row(const Rows& rows, int64_t place, const Augmenter* augmenter, float* out) const {
  if (augmenter != nullptr) {
    augment_row(*augmenter, place, rows.at(place), out);
  } else if (sparse()) {
    spread_row(rows.at(place), out);
  } else {
    array_.mapped->read(rows.at(place), {scale_.data(), shift_.data(), identity_}, out);
  }
}

void InputColumn::gradients_by_stored(Team& team, int64_t count, const float* gradients, float* stored) const {
  if (sparse() || identity_) {
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

}  // namespace gradloom
