// Conv2d in many small groups for a few samples: in rows, with those of all groups in the lanes
// (kernels/conv2d_grouped_channels.h). Nothing is padded: windows leave out what lies outside.
#include <algorithm>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "layers/conv2d.h"

namespace gradloom {

int64_t Conv2d::spread_floats(GroupedPass pass, int64_t batch) const {
  const GroupedShape shape = grouped_shape();
  if (shape.is_spread()) return 0;
  const int64_t pixels = pass == GroupedPass::kForward ? window_.input_pixels() : window_.output_pixels();
  return round_up(checked_multiply(checked_multiply(batch, pixels), shape.parts(pass) * shape.width(pass)), kLanes);
}

LayerNeeds Conv2d::needs_grouped_channels(const LayerSetting& setting) const {
  const int64_t of_x = spread_floats(GroupedPass::kForward, setting.batch);
  const int64_t of_dz = spread_floats(GroupedPass::kInputGradient, setting.batch);
  return {
      .kernel = "direct-grouped-channels",
      .backward_reads_input = trainable(),
      .backward_reads_output = activation_ != Activation::kLinear,
      .forward_scratch = of_x,
      // The gradient of the parameters and turned weights, then what each gradient spreads.
      .backward_scratch = 2 * round_up(weight_count(), kLanes) + round_up(filters_, kLanes) + std::max(of_x, of_dz)};
}

void Conv2d::turn_grouped(Team& team, GroupedPass pass, const float* weights, float* turned) const {
  const GroupedShape shape = grouped_shape();
  team.for_each(window_.taps(), [&](int64_t tap, int) { grouped_turn_weights(shape, pass, tap, weights, turned); });
}

// The images with their parts, or these, if each channel has its own filter.
const float* Conv2d::spread_images(const Pass& pass, GroupedPass of, const float* images, float* spread) const {
  const GroupedShape shape = grouped_shape();
  if (shape.is_spread()) return images;
  const bool forward = of == GroupedPass::kForward;
  const int64_t pixels = pass.batch * (forward ? window_.input_pixels() : window_.output_pixels());
  const int64_t floats = shape.parts(of) * shape.width(of);
  const Tiling tiles = tile_rows(pixels, floats);
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    grouped_spread(shape, of, tiles.size(tile), images + first * (forward ? shape.channels : shape.filters),
                   spread + first * floats);
  });
  return spread;
}

void Conv2d::forward_grouped_channels(const ForwardArguments& args, const float* turned, float* scratch) const {
  constexpr auto kPass = GroupedPass::kForward;
  const GroupedShape shape = grouped_shape();
  const bool at_store = activates_at_store();
  const Tiling rows = grouped_row_tiles(shape, kPass);
  const float* const x = spread_images(args.pass, kPass, args.x, scratch);
  const int64_t image = window_.input_pixels() * shape.parts(kPass) * shape.width(kPass);
  args.pass.team.for_each(args.pass.batch * rows.count, [&](int64_t job, int) {
    const int64_t sample = job / rows.count;
    const int64_t tile = job % rows.count;
    const GroupedOutput output{has_bias_ ? args.parameters[1] : nullptr, at_store && activation_ == Activation::kRelu,
                               args.y + sample * window_.output_pixels() * filters_};
    conv2d_grouped_channels(shape, kPass, rows, tile, x + sample * image, turned, output);
    if (at_store) return;
    add_bias_and_activate(activation_, {rows.size(tile) * window_.output.width, filters_, filters_}, nullptr,
                          output.to + rows.first(tile) * window_.output.width * filters_);
  });
}

void Conv2d::backward_grouped_channels(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const GroupedShape shape = grouped_shape();
  const int64_t batch = args.pass.batch;
  float* const turned = args.scratch + round_up(weight_count(), kLanes) + round_up(filters_, kLanes);
  float* const spread = turned + round_up(weight_count(), kLanes);
  mask_gradient_rows(args);
  if (args.dx != nullptr) {
    constexpr auto kPass = GroupedPass::kInputGradient;
    turn_grouped(team, kPass, args.parameters[0], turned);
    const float* const dz = spread_images(args.pass, kPass, args.dy, spread);
    const int64_t image = window_.output_pixels() * shape.parts(kPass) * shape.width(kPass);
    const Tiling rows = grouped_row_tiles(shape, kPass);
    team.for_each(batch * rows.count, [&](int64_t job, int) {
      const int64_t sample = job / rows.count;
      conv2d_grouped_channels(shape, kPass, rows, job % rows.count, dz + sample * image, turned,
                              {.to = args.dx + sample * window_.input_pixels() * shape.channels});
    });
  }
  if (!trainable()) return;
  float* const weights = args.gradients.target(0, 0, args.scratch);
  float* const biases =
      has_bias_ ? args.gradients.target(1, 0, args.scratch + round_up(weight_count(), kLanes)) : nullptr;
  const float* const x = spread_images(args.pass, GroupedPass::kForward, args.x, spread);
  const Tiling filters = grouped_gradient_tiles(shape);
  const int64_t taps = window_.taps();
  team.for_each(filters.count * taps, [&](int64_t job, int) {
    const int64_t tile = job / taps;
    conv2d_grouped_channels_weight_gradient(shape, batch, job % taps, tile, x, args.dy, weights);
    if (biases == nullptr || job % taps > 0) return;
    const int64_t first = filters.first(tile);
    std::fill_n(biases + first, filters.size(tile), 0.0F);
    add_column_sums({batch * window_.output_pixels(), filters.size(tile), filters_}, args.dy + first, biases + first);
  });
  args.gradients.complete(0, 0, weight_count(), weights);
  if (biases != nullptr) args.gradients.complete(1, 0, filters_, biases);
}

}  // namespace gradloom
