// How work is cut into jobs: sums by their size alone, so that neither the number of threads nor luck changes a result.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"

namespace gradloom {

// [0, extent) cut into `count` pieces of `step` (the last one may be smaller).
struct Tiling {
  int64_t extent;
  int64_t step;
  int64_t count;

  int64_t first(int64_t tile) const { return tile * step; }
  int64_t size(int64_t tile) const { return std::min(step, extent - tile * step); }
};

// [0, extent) cut into `count` pieces whose sizes differ by one at most.
struct EvenTiling {
  int64_t extent;
  int64_t count;

  int64_t first(int64_t tile) const { return tile * extent / count; }
  int64_t size(int64_t tile) const { return first(tile + 1) - first(tile); }
  int64_t largest() const { return ceil_divide(extent, count); }
};

// As few pieces as there can be of at most `largest`.
inline EvenTiling cut_evenly(int64_t extent, int64_t largest) { return {extent, ceil_divide(extent, largest)}; }

// How many of the `count` positions 0, step, 2 step.. lie before `end`.
inline int64_t count_before(int64_t end, int64_t step, int64_t count) {
  if (end <= 0) return 0;
  return end > (count - 1) * step ? count : (end + step - 1) / step;
}

// About `pieces` nearly equal pieces whose step is a multiple of `multiple`.
inline Tiling cut(int64_t extent, int64_t pieces, int64_t multiple = 1) {
  const int64_t most = std::max<int64_t>(extent, 1);
  const int64_t step = round_up(ceil_divide(most, std::clamp<int64_t>(pieces, 1, most)), multiple);
  return {extent, step, ceil_divide(extent, step)};
}

// Features of vectors in nearly equal stretches that share no cache line, where vectors begin with one.
inline Tiling cut_stretches(int64_t features, int64_t count) {
  constexpr int64_t kLineFloats = 16;
  return cut(features, count, kLineFloats);
}

// Into how many blocks the entries of a batch are cut where any cut gives the same.
constexpr int64_t kMostEntryBlocks = 16;
inline int64_t entry_blocks(int threads, int64_t entries) {
  constexpr int64_t kEntriesPerBlock = 8192;
  if (threads == 1) return 1;
  return std::min(kMostEntryBlocks, ceil_divide(std::max<int64_t>(entries, 1), kEntriesPerBlock));
}

// Rows of an elementwise pass: some 8,192 floats a job, a microsecond or two.
inline Tiling tile_rows(int64_t rows, int64_t columns) {
  constexpr int64_t kFloatsPerJob = 8192;
  return cut(rows, ceil_divide(rows * columns, kFloatsPerJob));
}

}  // namespace gradloom
