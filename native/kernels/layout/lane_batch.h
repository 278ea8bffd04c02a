// Batches whose samples change their layout, on all threads of a team.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/parallel.h"
#include "common/shape.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

// A sample as it is transposed, its last axis the channels. A single pixel counts as pixels of one channel: these have
// the same order in both layouts, and need no buffer on the way.
inline LaneImage lane_image(const Shape& sample) {
  const int64_t channels = sample.rank() == 0 ? 1 : sample.back();
  const int64_t pixels = sample.size() / channels;
  return pixels == 1 ? LaneImage{channels, 1} : LaneImage{pixels, channels};
}

// Calls body(block of sixteen samples, range of their pixels), in jobs of some whole blocks or of a part of one.
template <class Body>
void for_each_lane_part(Team& team, const LaneImage& image, int64_t batch, Body body) {
  constexpr int64_t kFloatsPerPart = 16 * 1024;
  constexpr int64_t kPixels = 16;
  const int64_t floats = kLanes * image.pixels * image.channels;
  const Tiling blocks = tile_rows(lane_blocks(batch), floats);
  const int64_t most_parts = blocks.step == 1 ? ceil_divide(floats, kFloatsPerPart) : 1;
  const Tiling parts = cut(image.pixels, most_parts, kPixels);
  team.for_each(blocks.count * parts.count, [&](int64_t job, int) {
    const int64_t tile = job / parts.count;
    const int64_t part = job % parts.count;
    const PixelRange range{parts.first(part), parts.first(part) + parts.size(part)};
    for (int64_t block = blocks.first(tile); block < blocks.first(tile) + blocks.size(tile); ++block) {
      body(block, range);
    }
  });
}

// rows[n][p][c] from or to lanes[n / 16][c][p][n % 16].
void batch_to_lanes(Team& team, const LaneImage& image, int64_t batch, const float* rows, float* lanes);
void batch_to_rows(Team& team, const LaneImage& image, int64_t batch, const float* lanes, float* rows);

}  // namespace gradloom
