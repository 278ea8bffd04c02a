#include "kernels/layout/lane_batch.h"

namespace gradloom {

void batch_to_lanes(Team& team, const LaneImage& image, int64_t batch, const float* rows, float* lanes) {
  const int64_t floats = kLanes * image.pixels * image.channels;
  for_each_lane_part(team, image, batch, [&](int64_t block, const PixelRange& range) {
    const int64_t samples = std::min(kLanes, batch - block * kLanes);
    rows_to_lanes(image, range, samples, rows + block * floats, lanes + block * floats);
  });
}

void batch_to_rows(Team& team, const LaneImage& image, int64_t batch, const float* lanes, float* rows) {
  const int64_t floats = kLanes * image.pixels * image.channels;
  for_each_lane_part(team, image, batch, [&](int64_t block, const PixelRange& range) {
    const int64_t samples = std::min(kLanes, batch - block * kLanes);
    lanes_to_rows(image, range, samples, lanes + block * floats, rows + block * floats);
  });
}

}  // namespace gradloom
