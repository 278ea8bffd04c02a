// Conv2d in many small groups for a few samples: in rows, with those of all groups in the lanes
// (kernels/conv2d_grouped_channels.h). Nothing is padded: windows leave out what lies outside.
#include <algorithm>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "layers/conv2d.h"

namespace gradloom {

// Of an image.
int64_t Conv2d::spread_floats(GroupedPass pass) const {
  const GroupedShape shape = grouped_shape();
  if (shape.is_spread()) return 0;
  const int64_t pixels = pass == GroupedPass::kForward ? window_.input_pixels() : window_.output_pixels();
  return round_up(checked_multiply(pixels, shape.parts(pass) * shape.width(pass)), kLanes);
}

LayerNeeds Conv2d::needs_grouped_channels() const {
  const int64_t of_x = spread_floats(GroupedPass::kForward);
  const int64_t of_dz = spread_floats(GroupedPass::kInputGradient);
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

// Calls visit(first sample, samples, images) for all of them where each channel has its own filter, else for one after
// another, spread.
template <class Visit>
void Conv2d::for_each_spread(const Pass& pass, GroupedPass of, const float* images, float* spread, Visit visit) const {
  const GroupedShape shape = grouped_shape();
  if (shape.is_spread()) return visit(0, pass.batch, images);
  const bool forward = of == GroupedPass::kForward;
  const int64_t pixels = forward ? window_.input_pixels() : window_.output_pixels();
  const int64_t channels = forward ? shape.channels : shape.filters;
  const int64_t floats = shape.parts(of) * shape.width(of);
  const Tiling tiles = tile_rows(pixels, floats);
  for (int64_t sample = 0; sample < pass.batch; ++sample, images += pixels * channels) {
    pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile);
      grouped_spread(shape, of, tiles.size(tile), images + first * channels, spread + first * floats);
    });
    visit(sample, int64_t{1}, static_cast<const float*>(spread));
  }
}

void Conv2d::forward_grouped_channels(const ForwardArguments& args, const float* turned, float* scratch) const {
  constexpr auto kPass = GroupedPass::kForward;
  const GroupedShape shape = grouped_shape();
  const bool at_store = activates_at_store();
  const Tiling rows = grouped_row_tiles(shape, kPass);
  const int64_t x_image = window_.input_pixels() * shape.parts(kPass) * shape.width(kPass);
  const int64_t y_image = window_.output_pixels() * filters_;
  for_each_spread(args.pass, kPass, args.x, scratch, [&](int64_t first, int64_t samples, const float* x) {
    args.pass.team.for_each(samples * rows.count, [&](int64_t job, int) {
      const int64_t sample = job / rows.count;
      const int64_t tile = job % rows.count;
      const GroupedOutput output{has_bias_ ? args.parameters[1] : nullptr, at_store && activation_ == Activation::kRelu,
                                 args.y + (first + sample) * y_image};
      conv2d_grouped_channels(shape, kPass, rows, tile, x + sample * x_image, turned, output);
      if (at_store) return;
      add_bias_and_activate(activation_, {rows.size(tile) * window_.output.width, filters_, filters_}, nullptr,
                            output.to + rows.first(tile) * window_.output.width * filters_);
    });
  });
}

void Conv2d::backward_grouped_channels(const BackwardArguments& args) const {
  float* const turned = args.scratch + round_up(weight_count(), kLanes) + round_up(filters_, kLanes);
  float* const spread = turned + round_up(weight_count(), kLanes);
  mask_gradient_rows(args);
  if (args.dx != nullptr) input_gradient_grouped(args, turned, spread);
  if (trainable()) parameter_gradients_grouped(args, spread);
}

void Conv2d::input_gradient_grouped(const BackwardArguments& args, float* turned, float* spread) const {
  constexpr auto kPass = GroupedPass::kInputGradient;
  const GroupedShape shape = grouped_shape();
  Team& team = args.pass.team;
  const Tiling rows = grouped_row_tiles(shape, kPass);
  const int64_t dz_image = window_.output_pixels() * shape.parts(kPass) * shape.width(kPass);
  const int64_t dx_image = window_.input_pixels() * shape.channels;
  turn_grouped(team, kPass, args.parameters[0], turned);
  for_each_spread(args.pass, kPass, args.dy, spread, [&](int64_t first, int64_t samples, const float* dz) {
    team.for_each(samples * rows.count, [&](int64_t job, int) {
      const int64_t sample = job / rows.count;
      conv2d_grouped_channels(shape, kPass, rows, job % rows.count, dz + sample * dz_image, turned,
                              {.to = args.dx + (first + sample) * dx_image});
    });
  });
}

void Conv2d::parameter_gradients_grouped(const BackwardArguments& args, float* spread) const {
  const GroupedShape shape = grouped_shape();
  Team& team = args.pass.team;
  float* const weights = args.gradients.target(0, 0, args.scratch);
  const Tiling filters = grouped_gradient_tiles(shape);
  const int64_t runs = grouped_gradient_runs(shape);
  for_each_spread(
      args.pass, GroupedPass::kForward, args.x, spread, [&](int64_t first, int64_t samples, const float* x) {
        team.for_each(filters.count * runs, [&](int64_t job, int) {
          conv2d_grouped_channels_weight_gradient(shape, samples, job % runs, job / runs, x,
                                                  args.dy + first * window_.output_pixels() * filters_,
                                                  first == 0 ? Accumulate::kOverwrite : Accumulate::kAdd, weights);
        });
      });
  args.gradients.complete(0, 0, weight_count(), weights);
  if (has_bias_) bias_gradient_rows(args, args.scratch + round_up(weight_count(), kLanes));
}

}  // namespace gradloom
