// The layout with the batch in the SIMD lanes: blocks of 16 samples, the sample innermost,
//   [ceil(N / 16)][C][H][W][16],
// so that every load of a convolution is whole, aligned and without a shuffle, whatever the shape of the window. Lanes
// beyond the batch are zero. A block is 1 vector on AVX-512, 2 on AVX2 and 4 on SSE and NEON.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

inline constexpr int64_t kLanes = 16;

inline int64_t lane_blocks(int64_t batch) { return (batch + kLanes - 1) / kLanes; }

// Only the last block may have no more samples than half of its lanes. Kernels that gain by it leave the other half
// out.
inline constexpr int64_t kHalfLanes = kLanes / 2;
// Blocks with more.
inline int64_t full_width_blocks(int64_t batch) { return (batch + kHalfLanes - 1) / kLanes; }
inline int64_t lanes_in_use(int64_t batch, int64_t block) {
  return block < full_width_blocks(batch) ? kLanes : kHalfLanes;
}

// Of the image of one channel of a block: a plane. (Those of Winograd are of coefficients.)
inline int64_t plane_floats(const Extent2d& extent) { return extent.height * extent.width * kLanes; }

// A sample's image, in rows [pixels][channels].
struct LaneImage {
  int64_t pixels;
  int64_t channels;
};
struct PixelRange {
  int64_t first;
  int64_t end;
};

// lanes[c][p][l] = value c of pixel p of sample l, for some pixels p and the `samples` (at most 16) of one block; the
// other lanes become 0. images[l] is where pixel range.first of sample l lies, channels last; lanes:
// [channels][pixels][16].
void samples_to_lanes(const LaneImage& image, const PixelRange& range, int64_t samples, const float* const* images,
                      float* lanes);

// The same of rows [samples][pixels][channels], sample after sample.
void rows_to_lanes(const LaneImage& image, const PixelRange& range, int64_t samples, const float* rows, float* lanes);

// The inverse; lanes beyond `samples` are dropped.
void lanes_to_rows(const LaneImage& image, const PixelRange& range, int64_t samples, const float* lanes, float* rows);

// One axis of a placement: source position i goes to target position i + offset, if that exists.
struct AxisPlacement {
  int64_t source;
  int64_t target;
  int64_t offset;  // may be negative: what falls before the target is dropped
};

// target[t] = source pixel placed there, or 0: pads and crops a plane, [H][W][16].
void place_plane(const AxisPlacement& rows, const AxisPlacement& columns, const float* source, float* target);

}  // namespace gradloom
