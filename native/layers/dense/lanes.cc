#include "layers/dense/lanes.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/dense/lanes.h"
#include "kernels/layout/lanes.h"
#include "kernels/work_sizes.h"

namespace gradloom {

LayerNeeds DenseLanes::needs(const LayerSetting& setting) const {
  const ImageBlocks& blocks = setting.blocks;
  const int64_t of_job = gradient_pixels(blocks, setting.batch).largest() * blocks.channels * dense_.units;
  return {.kernel = "lanes",
          .backward_reads_input = dense_.trainable,
          .backward_reads_output = dense_.activation != Activation::kLinear,
          .backward_scratch = checked_multiply(setting.threads, round_up(of_job, kLanes)) + dense_.units};
}

void DenseLanes::forward(const ForwardArguments& args) const {
  const DenseLanesShape shape{args.blocks.pixels, args.blocks.channels, dense_.units};
  args.pass.team.for_each(lane_blocks(args.pass.batch), [&](int64_t block, int) {
    const int64_t first = block * kLanes;
    const int64_t samples = std::min(kLanes, args.pass.batch - first);
    float* y = args.y + first * dense_.units;
    dense_lanes_forward(shape, args.x + first * dense_.inputs, args.parameters[0], samples, y);
    add_bias_and_activate(dense_.activation, {samples, dense_.units, dense_.units},
                          dense_.has_bias ? args.parameters[1] : nullptr, y);
  });
}

EvenTiling DenseLanes::gradient_pixels(const ImageBlocks& blocks, int64_t batch) const {
  return tile_product_rows(blocks.pixels, blocks.channels * dense_.units, batch);
}

void DenseLanes::backward(const BackwardArguments& args) const {
  const int64_t batch = args.pass.batch;
  const DenseLanesShape shape{args.blocks.pixels, args.blocks.channels, dense_.units};
  Team& team = args.pass.team;
  if (dense_.activation != Activation::kLinear) {
    const Tiling tiles = tile_rows(batch, dense_.units);
    team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile) * dense_.units;
      activation_backward(dense_.activation, {tiles.size(tile), dense_.units, dense_.units}, args.y + first,
                          args.dy + first);
    });
  }
  if (args.dx != nullptr) {
    const EvenTiling pixels = tile_product_rows(shape.pixels, shape.channels * dense_.units, kLanes);
    team.for_each(lane_blocks(batch) * pixels.count, [&](int64_t job, int) {
      const int64_t first = job / pixels.count * kLanes;
      const int64_t tile = job % pixels.count;
      dense_lanes_input_gradient(shape, args.parameters[0], args.dy + first * dense_.units,
                                 std::min(kLanes, batch - first), pixels.first(tile), pixels.size(tile),
                                 args.dx + first * dense_.inputs);
    });
  }
  if (!dense_.trainable) return;
  const EvenTiling pixels = gradient_pixels(args.blocks, batch);
  const int64_t of_pixel = shape.channels * dense_.units;
  const int64_t of_job = round_up(pixels.largest() * of_pixel, kLanes);
  for_gradients(args.pass, pixels.count, [&](int64_t job, int thread) {
    if (job == pixels.count) return bias_gradient(args, args.scratch + team.size() * of_job);
    const int64_t first = pixels.first(job) * of_pixel;
    const int64_t count = pixels.size(job) * of_pixel;
    float* gradient = args.gradients.target(0, first, args.scratch + thread * of_job);
    dense_lanes_weight_gradient(shape, batch, args.x, args.dy, pixels.first(job), pixels.size(job), gradient);
    args.gradients.complete(0, first, count, gradient);
  });
}

}  // namespace gradloom
