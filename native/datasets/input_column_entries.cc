#include "datasets/input_column.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>

#include "common/checked.h"
#include "kernels/tiling.h"

// What an input column has of entries: features of sparse samples, and ids.
namespace gradloom {

// Of the rows that belong to the set.
void InputColumn::check_entries(const Rows& set) const {
  for (int64_t i = 0; i < set.count; ++i) {
    const int64_t row = set.at(i);
    const uint32_t begin = array_.offsets[row];
    const uint32_t end = array_.offsets[row + 1];
    if (begin > end || end > array_.length) {
      throw Error("INVALID_DATA", "sample " + std::to_string(i) + of_input() + " of a sparse dataset has the entries " +
                                      std::to_string(begin) + " to " + std::to_string(end) + " of " +
                                      std::to_string(array_.length));
    }
    for (uint32_t e = begin; e < end; ++e) {
      if (array_.indices[e] < sample_size_) continue;
      throw Error("ID_OUT_OF_RANGE", "sample " + std::to_string(i) + of_input() + " names feature " +
                                         std::to_string(array_.indices[e]) + ", but samples have the shape " +
                                         sample_shape_.to_string() + ": features 0 to " +
                                         std::to_string(sample_size_ - 1));
    }
  }
}

Error InputColumn::id_out_of_range(int64_t sample, int64_t place, int64_t id, int64_t limit) const {
  return {"ID_OUT_OF_RANGE", "sample " + std::to_string(sample) + of_input() + " has the id " + std::to_string(id) +
                                 " at place " + std::to_string(place) + ", but the model's table has " +
                                 std::to_string(limit) + " rows: 0 to " + std::to_string(limit - 1)};
}

int64_t InputColumn::entries(const Rows& set) const {
  if (!sparse() && array_.type != InputArray::Type::kInt32) return 0;
  int64_t total = 0;
  for (int64_t i = 0; i < set.count; ++i) total += entries_of(set.at(i));
  return total;
}

int64_t InputColumn::most_entries(const Rows& set, int64_t count) const {
  if (!sparse()) return checked_multiply(count, sample_size_);
  std::vector<int64_t> lengths(static_cast<size_t>(set.count));
  for (int64_t i = 0; i < set.count; ++i) lengths[static_cast<size_t>(i)] = entries_of(set.at(i));
  const auto most = lengths.begin() + std::min(count, set.count);
  std::nth_element(lengths.begin(), most, lengths.end(), std::greater<>());
  return std::accumulate(lengths.begin(), most, int64_t{0});
}

namespace {

bool lie_in_order(const Rows& rows) {
  for (int64_t i = 1; i < rows.count; ++i) {
    if (rows.at(i) != rows.at(i - 1) + 1) return false;
  }
  return true;
}

}  // namespace

void InputColumn::gather_sparse(Team& team, const Rows& rows, SparseBatch& batch) const {
  batch.reserve(rows.count, 0);
  int64_t total = 0;
  for (int64_t i = 0; i < rows.count; ++i) {
    batch.offsets()[i] = total;
    total += entries_of(rows.at(i));
  }
  batch.offsets()[rows.count] = total;
  batch.reserve(rows.count, total);
  const auto* values = static_cast<const float*>(array_.data);
  const auto first_of = [&](int64_t i) { return int64_t{array_.offsets[rows.at(i)]}; };
  if (total > 0 && lie_in_order(rows)) {
    return batch.lent(rows.count, array_.indices + first_of(0), values == nullptr ? nullptr : values + first_of(0));
  }
  const Tiling tiles = tile_rows(rows.count, ceil_divide(total, std::max<int64_t>(rows.count, 1)));
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const int64_t to = batch.offsets()[i];
      const int64_t entries = batch.offsets()[i + 1] - to;
      std::copy_n(array_.indices + first_of(i), entries, batch.indices() + to);
      if (values != nullptr) std::copy_n(values + first_of(i), entries, batch.values() + to);
    }
  });
  batch.lent(rows.count, batch.indices(), values == nullptr ? nullptr : batch.values());
}

namespace {

// Whether none is above `last`, which is below 2^31. Without branches, so that compilers make vectors of it.
bool all_up_to(uint32_t last, const uint32_t* ids, int64_t count) {
  uint32_t signs = 0;
  for (int64_t i = 0; i < count; ++i) signs |= ids[i] | (last - ids[i]);
  return signs >> 31 == 0;
}

}  // namespace

void InputColumn::gather_ids(Team& team, const Rows& rows, int64_t limit, SparseBatch& batch) const {
  batch.reserve(rows.count, rows.count * sample_size_);
  for (int64_t i = 0; i <= rows.count; ++i) batch.offsets()[i] = i * sample_size_;
  const auto* ids = static_cast<const uint32_t*>(array_.data);
  const auto last = static_cast<uint32_t>(std::min<int64_t>(limit, int64_t{1} << 31) - 1);
  std::atomic<bool> fits = true;
  const Tiling tiles = tile_rows(rows.count, sample_size_);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const int64_t count = tiles.size(tile);
    copy_rows(ids, sample_size_, rows, first, count, batch.indices());
    if (!all_up_to(last, batch.indices() + first * sample_size_, count * sample_size_)) fits = false;
  });
  batch.lent(rows.count, batch.indices(), nullptr);
  if (fits) return;
  const SparseRows& copies = batch.input().rows;
  const uint32_t* out =
      std::find_if(copies.indices, copies.indices + copies.entries(), [&](uint32_t id) { return id > last; });
  const int64_t entry = out - copies.indices;
  throw id_out_of_range(rows.sample(entry / sample_size_), entry % sample_size_, static_cast<int32_t>(*out), limit);
}

}  // namespace gradloom
