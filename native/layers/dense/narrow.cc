#include "layers/dense/narrow.h"

#include "common/checked.h"
#include "kernels/dense/narrow.h"
#include "kernels/layout/lanes.h"
#include "kernels/work_sizes.h"

namespace gradloom {

namespace {

// Blocks of samples of a job.
Tiling tile_blocks(const DenseDefinition& dense, int64_t batch) {
  return tile_rows(lane_blocks(batch), kLanes * (dense.inputs + dense.units));
}

// Inputs of a job of the gradient of the weights, and the floats of one job.
EvenTiling gradient_rows(const DenseDefinition& dense, int64_t batch) {
  return tile_product_rows(dense.inputs, dense.units, batch);
}
int64_t gradient_floats(const DenseDefinition& dense, const EvenTiling& rows) {
  return round_up(rows.largest() * dense.units, kLanes);
}

}  // namespace

LayerNeeds DenseNarrow::needs(const LayerSetting& setting) const {
  return {.kernel = "narrow",
          .backward_reads_input = dense_.trainable,
          .backward_reads_output = dense_.activation != Activation::kLinear,
          .backward_scratch =
              checked_multiply(setting.threads, gradient_floats(dense_, gradient_rows(dense_, setting.batch))) +
              dense_.units};
}

void DenseNarrow::forward(const ForwardArguments& args) const {
  const DenseLanesShape shape{args.blocks.pixels, args.blocks.channels, dense_.units};
  const Tiling tiles = tile_blocks(dense_, args.pass.batch);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * kLanes;
    const int64_t floats = tiles.size(tile) * kLanes * dense_.units;
    float* y = args.y + first * dense_.units;
    dense_narrow_forward(shape, tiles.size(tile), args.x + first * dense_.inputs, args.parameters[0],
                         dense_.has_bias ? args.parameters[1] : nullptr, y);
    add_bias_and_activate(dense_.activation, {1, floats, floats}, nullptr, y);
  });
}

void DenseNarrow::backward(const BackwardArguments& args) const {
  const int64_t batch = args.pass.batch;
  const DenseLanesShape shape{args.blocks.pixels, args.blocks.channels, dense_.units};
  Team& team = args.pass.team;
  const Tiling tiles = tile_blocks(dense_, batch);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * kLanes;
    const int64_t floats = tiles.size(tile) * kLanes * dense_.units;
    float* dz = args.dy + first * dense_.units;
    activation_backward(dense_.activation, {1, floats, floats}, args.y + first * dense_.units, dz);
    if (args.dx == nullptr) return;
    dense_narrow_input_gradient(shape, tiles.size(tile), args.parameters[0], dz, args.dx + first * dense_.inputs);
  });
  if (!dense_.trainable) return;
  const EvenTiling rows = gradient_rows(dense_, batch);
  const int64_t of_job = gradient_floats(dense_, rows);
  for_gradients(args.pass, rows.count, [&](int64_t job, int thread) {
    if (job == rows.count) {
      float* gradient = args.gradients.target(1, 0, args.scratch + team.size() * of_job);
      dense_narrow_bias_gradient(dense_.units, lane_blocks(batch), args.dy, gradient);
      args.gradients.complete(1, 0, dense_.units, gradient);
      return;
    }
    const int64_t first = rows.first(job);
    const int64_t count = rows.size(job);
    float* gradient = args.gradients.target(0, first * dense_.units, args.scratch + thread * of_job);
    dense_narrow_weight_gradient(shape, lane_blocks(batch), args.x, args.dy, first, count, gradient);
    args.gradients.complete(0, first * dense_.units, count * dense_.units, gradient);
  });
}

}  // namespace gradloom
