// The part of Dense that has few inputs and few units: both sides in lanes.
#include "kernels/dense_narrow.h"

#include "common/checked.h"
#include "kernels/lanes.h"
#include "layers/dense.h"

namespace gradloom {

namespace {

// Blocks of samples of a job.
Tiling tile_blocks(int64_t batch, int64_t inputs, int64_t units) {
  return tile_rows(lane_blocks(batch), kLanes * (inputs + units));
}

}  // namespace

LayerNeeds Dense::needs_narrow(const LayerSetting& setting) const {
  return {.kernel = "narrow",
          .backward_reads_input = trainable(),
          .backward_reads_output = activation_ != Activation::kLinear,
          .backward_scratch =
              checked_multiply(setting.threads,
                               gradient_floats(tile_product_rows(inputs_, units_, setting.batch).largest())) +
              units_};
}

void Dense::forward_narrow(const ForwardArguments& args) const {
  const DenseLanesShape shape{args.blocks.pixels, args.blocks.channels, units_};
  const Tiling tiles = tile_blocks(args.pass.batch, inputs_, units_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * kLanes;
    const int64_t floats = tiles.size(tile) * kLanes * units_;
    float* y = args.y + first * units_;
    dense_narrow_forward(shape, tiles.size(tile), args.x + first * inputs_, args.parameters[0],
                         has_bias_ ? args.parameters[1] : nullptr, y);
    add_bias_and_activate(activation_, {1, floats, floats}, nullptr, y);
  });
}

void Dense::backward_narrow(const BackwardArguments& args) const {
  const int64_t batch = args.pass.batch;
  const DenseLanesShape shape{args.blocks.pixels, args.blocks.channels, units_};
  Team& team = args.pass.team;
  const Tiling tiles = tile_blocks(batch, inputs_, units_);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * kLanes;
    const int64_t floats = tiles.size(tile) * kLanes * units_;
    float* dz = args.dy + first * units_;
    activation_backward(activation_, {1, floats, floats}, args.y + first * units_, dz);
    if (args.dx == nullptr) return;
    dense_narrow_input_gradient(shape, tiles.size(tile), args.parameters[0], dz, args.dx + first * inputs_);
  });
  if (!trainable()) return;
  const EvenTiling rows = tile_product_rows(inputs_, units_, batch);
  const int64_t of_job = gradient_floats(rows.largest());
  for_gradients(args.pass, rows.count, [&](int64_t job, int thread) {
    if (job == rows.count) {
      float* gradient = args.gradients.target(1, 0, args.scratch + team.size() * of_job);
      dense_narrow_bias_gradient(units_, lane_blocks(batch), args.dy, gradient);
      args.gradients.complete(1, 0, units_, gradient);
      return;
    }
    const int64_t first = rows.first(job);
    const int64_t count = rows.size(job);
    float* gradient = args.gradients.target(0, first * units_, args.scratch + thread * of_job);
    dense_narrow_weight_gradient(shape, lane_blocks(batch), args.x, args.dy, first, count, gradient);
    args.gradients.complete(0, first * units_, count * units_, gradient);
  });
}

}  // namespace gradloom
