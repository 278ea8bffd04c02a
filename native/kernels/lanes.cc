#include "kernels/lanes.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lanes.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Block = hn::CappedTag<float, kLanes>;

HWY_INLINE void copy_blocks(const float* HWY_RESTRICT source, int64_t count, float* HWY_RESTRICT target) {
  const Block d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count * kLanes; i += lanes) hn::Store(hn::Load(d, source + i), d, target + i);
}

HWY_INLINE void clear_blocks(int64_t count, float* HWY_RESTRICT target) {
  const Block d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count * kLanes; i += lanes) hn::Store(hn::Zero(d), d, target + i);
}

void PlaceImage(const AxisPlacement& rows, const AxisPlacement& columns, const float* source, float* target) {
  // Target columns [first, last) hold source columns.
  const int64_t first = std::clamp<int64_t>(columns.offset, 0, columns.target);
  const int64_t last = std::clamp(columns.source + columns.offset, first, columns.target);
  for (int64_t t = 0; t < rows.target; ++t) {
    float* line = target + t * columns.target * kLanes;
    const int64_t at = t - rows.offset;
    if (at < 0 || at >= rows.source) {
      clear_blocks(columns.target, line);
      continue;
    }
    clear_blocks(first, line);
    copy_blocks(source + (at * columns.source + first - columns.offset) * kLanes, last - first, line + first * kLanes);
    clear_blocks(columns.target - last, line + last * kLanes);
  }
}

// Sixteen values of sixteen samples. Rows of a power-of-two size fall on the same cache sets, so each side touches
// whole cache lines, and the two meet here.
using Tile = float[kLanes][kLanes];

// Calls body(j, count, offsets of the blocks of values j, j + 1, ... j + count - 1 of a sample) for tiles of up to 16.
// Value j = p * channels + c is block c * pixels + p.
template <class Body>
HWY_INLINE void for_each_tile(int64_t pixels, int64_t channels, Body body) {
  int64_t blocks[kLanes];
  int64_t p = 0;
  int64_t c = 0;
  for (int64_t j = 0; j < pixels * channels; j += kLanes) {
    const int64_t count = std::min(kLanes, pixels * channels - j);
    for (int64_t i = 0; i < count; ++i) {
      blocks[i] = (c * pixels + p) * kLanes;
      if (++c == channels) {
        c = 0;
        ++p;
      }
    }
    body(j, count, blocks);
  }
}

// Calls body(value, sample) for the squares that a whole tile of 16 values and samples consists of.
template <class Body>
HWY_INLINE void for_each_square(Body body) {
  for (int64_t value = 0; value < kLanes; value += kTransposeSide) {
    for (int64_t sample = 0; sample < kLanes; sample += kTransposeSide) body(value, sample);
  }
}

// Whether value j of a sample is block j.
HWY_INLINE bool in_order(int64_t pixels, int64_t channels) { return pixels == 1 || channels == 1; }

// Without a tile between the sides: few values are written in pieces smaller than a block, which the tile would have to
// be read after.
void FewToLanes(const float* rows, int64_t samples, int64_t values, float* lanes) {
  if (samples < kLanes) clear_blocks(values, lanes);
  if (values == 1) {
    std::copy_n(rows, samples, lanes);
  } else {
    transpose_matrix(samples, values, rows, values, lanes, kLanes);
  }
}

void FewToRows(const float* lanes, int64_t samples, int64_t values, float* rows) {
  if (values == 1) {
    std::copy_n(lanes, samples, rows);
  } else {
    transpose_matrix(values, samples, lanes, kLanes, rows, values);
  }
}

void RowsToLanes(const float* rows, int64_t samples, int64_t pixels, int64_t channels, float* lanes) {
  if (pixels * channels < kLanes && in_order(pixels, channels)) {
    return FewToLanes(rows, samples, pixels * channels, lanes);
  }
  HWY_ALIGN Tile tile = {};
  for_each_tile(pixels, channels, [&](int64_t j, int64_t count, const int64_t* blocks) {
    if (samples == kLanes && count == kLanes) {
      for_each_square([&](int64_t value, int64_t sample) {
        transpose_square<kTransposeSide>([&](int i) { return rows + (sample + i) * pixels * channels + j + value; },
                                         [&](int i) { return lanes + blocks[value + i] + sample; });
      });
      return;
    }
    transpose_matrix(samples, count, rows + j, pixels * channels, tile[0], kLanes);
    for (int64_t i = 0; i < count; ++i) copy_blocks(tile[i], 1, lanes + blocks[i]);
  });
}

void LanesToRows(const float* lanes, int64_t samples, int64_t pixels, int64_t channels, float* rows) {
  if (pixels * channels < kLanes && in_order(pixels, channels)) {
    return FewToRows(lanes, samples, pixels * channels, rows);
  }
  HWY_ALIGN Tile tile = {};
  for_each_tile(pixels, channels, [&](int64_t j, int64_t count, const int64_t* blocks) {
    if (samples == kLanes && count == kLanes) {
      for_each_square([&](int64_t value, int64_t sample) {
        transpose_square<kTransposeSide>([&](int i) { return lanes + blocks[value + i] + sample; },
                                         [&](int i) { return rows + (sample + i) * pixels * channels + j + value; });
      });
      return;
    }
    for (int64_t i = 0; i < count; ++i) copy_blocks(lanes + blocks[i], 1, tile[i]);
    transpose_matrix(count, samples, tile[0], kLanes, rows + j, pixels * channels);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(PlaceImage);
HWY_EXPORT(RowsToLanes);
HWY_EXPORT(LanesToRows);

void place_image(const AxisPlacement& rows, const AxisPlacement& columns, const float* source, float* target) {
  HWY_DYNAMIC_DISPATCH(PlaceImage)(rows, columns, source, target);
}

void rows_to_lanes(const float* rows, int64_t samples, int64_t pixels, int64_t channels, float* lanes) {
  HWY_DYNAMIC_DISPATCH(RowsToLanes)(rows, samples, pixels, channels, lanes);
}

void lanes_to_rows(const float* lanes, int64_t samples, int64_t pixels, int64_t channels, float* rows) {
  HWY_DYNAMIC_DISPATCH(LanesToRows)(lanes, samples, pixels, channels, rows);
}

}  // namespace gradloom
#endif  // HWY_ONCE
