// One input of the samples of a set, in memory or in mapped files: float32, uint8, ids or sparse rows, and an affine
// map of every value. Rows of it are addressed by the set (ArraySamples), whose inputs all have the same rows.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/error.h"
#include "common/input_form.h"
#include "common/parallel.h"
#include "common/prefetch.h"
#include "common/shape.h"
#include "datasets/augmentation.h"
#include "datasets/mapped_rows.h"
#include "datasets/sparse_batch.h"
#include "kernels/layout/lanes.h"

namespace gradloom {

struct InputArray {
  enum class Type {
    kFloat32,
    kUint8,
    kInt32,   // ids
    kSparse,  // row r has the entries [offsets[r], offsets[r + 1]) of `indices` and, unless it is null, of `data`,
              // floats
    kMapped,  // `mapped` has the values
  };
  Type type = Type::kFloat32;
  const void* data = nullptr;
  int64_t length = 0;  // values, or entries
  const uint32_t* indices = nullptr;
  const uint32_t* offsets = nullptr;
  int64_t rows = 0;  // of kSparse: one less than the offsets
  const MappedRows* mapped = nullptr;
};

struct InputDescription {
  std::string name;  // for errors; "" in a set that has one input
  InputArray array;
  // A value at position j of its sample reads as x * scale[j % scale.size()] + shift[j % shift.size()].
  std::vector<float> scale;
  std::vector<float> shift;
};

// Rows of a set, by their place: place i is row `indices[order[first + i]]`; either list may be null for 0, 1, 2, ...
struct Rows {
  const uint32_t* indices = nullptr;
  const uint32_t* order = nullptr;
  int64_t first = 0;
  int64_t count = 0;

  // Of the set.
  int64_t sample(int64_t i) const { return order == nullptr ? first + i : order[first + i]; }
  int64_t at(int64_t i) const { return indices == nullptr ? sample(i) : indices[sample(i)]; }
};

// std::copy_n, for rows that may be a few floats or ids long: a call would take longer than they do.
template <class Value>
void copy_few(const Value* from, int64_t count, Value* to) {
  const auto ends = [&](auto chunk) {  // the first and the last of them, which may overlap
    constexpr auto kSize = static_cast<int64_t>(sizeof(chunk) / sizeof(Value));
    std::memcpy(&chunk, from, sizeof(chunk));
    decltype(chunk) last;
    std::memcpy(&last, from + count - kSize, sizeof(chunk));
    std::memcpy(to, &chunk, sizeof(chunk));
    std::memcpy(to + count - kSize, &last, sizeof(chunk));
  };
  if (count > 8) {
    std::copy_n(from, count, to);
  } else if (count >= 4) {
    ends(std::array<Value, 4>());
  } else if (count >= 2) {
    ends(std::array<Value, 2>());
  } else if (count == 1) {
    *to = *from;
  }
}

// to[i, :] = from[rows.at(i), :] for i in [first, first + count), with rows of `size` values. Those that follow one
// another are copied at once.
template <class Value>
void copy_rows(const Value* from, int64_t size, const Rows& rows, int64_t first, int64_t count, Value* to) {
  int64_t run = 0;
  for (int64_t i = first; i < first + count; i += run) {
    const int64_t row = rows.at(i);
    for (run = 1; i + run < first + count && rows.at(i + run) == row + run;) ++run;
    copy_few(from + row * size, run * size, to + i * size);
  }
}

// Where a batch of samples is gathered, and how it lies there: in rows, x[n] = sample n, or
//   - in stretches of features (cut_stretches), those of the first for all samples before those of the next; or
//   - in lanes (kernels/layout/lanes.h), those beyond the last sample 0. Samples that cannot be transposed where they
//   are
//     stored are made in `staging` first, [N][features].
struct BatchPlace {
  float* x;
  int64_t stretches = 1;
  bool lanes = false;
  float* staging = nullptr;
};

class InputColumn {
 public:
  // Throws SHAPE_MISMATCH or INVALID_DATA when lengths or periods do not fit samples of this shape.
  InputColumn(InputDescription description, const Shape& sample_shape);

  // Throws SHAPE_MISMATCH or INVALID_DATA unless all samples of the set are there.
  void check_rows(const Rows& set) const;
  // Throws INVALID_DATA unless the samples can be read in this form, and ID_OUT_OF_RANGE, naming sample and place,
  // unless every id is below `limit`.
  void check_form(const Rows& set, InputForm form, int64_t limit) const;

  int64_t rows() const;
  const Shape& sample_shape() const { return sample_shape_; }
  // Of all samples; 0 of samples that are neither ids nor sparse.
  int64_t entries(const Rows& set) const;
  // Of the `count` samples that have most.
  int64_t most_entries(const Rows& set, int64_t count) const;

  // Prepares for a gather of these rows that comes later.
  void prefetch(const Rows& rows) const;
  // Adds where dense rows lie that are worth a prefetch: they come from memory, not from files or a set that caches
  // hold, and are so few that they drive out nothing else. Of several stretches of features the first of all rows
  // first.
  void locate(const Rows& rows, std::vector<ByteSpan>& places, int64_t stretches = 1) const;
  // Throws INVALID_DATA unless samples are images, [H][W][C] of bytes or floats.
  void check_images() const;

  // Of sparse rows; those that follow one another are read where they are.
  void gather_sparse(Team& team, const Rows& rows, SparseBatch& batch) const;
  // Of ids below `limit`. Copies them, since borrowed ones may have changed after `check_form` and may change again,
  // and throws ID_OUT_OF_RANGE as that does when a copy says so.
  void gather_ids(Team& team, const Rows& rows, int64_t limit, SparseBatch& batch) const;
  // These rows as floats; changed by the augmenter, if there is one, for images only. Throws FILE_CHANGED, with
  // anything in the place, when a mapped file is not as it was.
  void gather(Team& team, const Rows& rows, const BatchPlace& place, const Augmenter* augmenter = nullptr) const;
  // Turns gradients by the values that `gather` gives, of `count` samples, into those by the stored values.
  void gradients_by_stored(Team& team, int64_t count, const float* gradients, float* stored) const;

 private:
  // `samples` of some rows, from `first` on, one a lane.
  struct LaneRows {
    const Rows& rows;
    int64_t first;
    int64_t samples;
  };

  void check_entries(const Rows& set) const;
  Error id_out_of_range(int64_t sample, int64_t place, int64_t id, int64_t limit) const;
  bool sparse() const { return array_.type == InputArray::Type::kSparse; }
  bool mapped() const { return array_.type == InputArray::Type::kMapped; }
  // Whether values are floats that are taken as they are.
  bool as_stored() const { return array_.type == InputArray::Type::kFloat32 && identity_; }
  std::string of_input() const;
  int64_t entries_of(int64_t row) const;
  void spread_row(int64_t row, float* out) const;
  bool has_to_be_whole(const Augmenter* augmenter) const { return augmenter != nullptr || sparse() || mapped(); }
  void gather_in_rows(Team& team, const Rows& rows, const Augmenter* augmenter, float* x, int64_t stretches) const;
  void gather_in_lanes(Team& team, const Rows& rows, float* lanes) const;
  void stored_to_lanes(const LaneRows& block, const LaneImage& image, const PixelRange& part, float* lanes) const;
  void made_to_lanes(const LaneRows& block, const LaneImage& image, const PixelRange& part, float* lanes) const;
  void gather_whole(Team& team, const Rows& rows, float* x, const Augmenter* augmenter, int64_t stretches) const;
  // One that has to be made whole: changed, sparse or in a file.
  void read_row(const Rows& rows, int64_t place, const Augmenter* augmenter, float* out) const;
  // Some features of a row that is neither sparse nor in a file.
  void read_features(int64_t row, int64_t first, int64_t count, float* out) const;
  void augment_row(const Augmenter& augmenter, int64_t place, int64_t row, float* out) const;

  std::string name_;
  InputArray array_;
  Shape sample_shape_;
  int64_t sample_size_;
  bool identity_ = false;
  AlignedBuffer scale_;  // one factor and summand a value of a sample; none of floats that are taken as they are
  AlignedBuffer shift_;
};

}  // namespace gradloom
