#include "layers/conv2d/grouped_channels.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

int64_t Conv2dGroupedChannels::spread_floats(GroupedPass pass) const {
  const GroupedShape shape = grouped_shape();
  if (shape.is_spread()) return 0;
  const int64_t pixels = pass == GroupedPass::kForward ? conv_.window.input_pixels() : conv_.window.output_pixels();
  return round_up(checked_multiply(pixels, shape.parts(pass) * shape.width(pass)), kLanes);
}

LayerNeeds Conv2dGroupedChannels::needs(const LayerSetting& /*setting*/) const {
  const int64_t of_x = spread_floats(GroupedPass::kForward);
  const int64_t of_dz = spread_floats(GroupedPass::kInputGradient);
  return {
      .kernel = "direct-grouped-channels",
      .backward_reads_input = conv_.trainable,
      .backward_reads_output = conv_.activation != Activation::kLinear,
      .forward_scratch = of_x,
      // The gradient of the parameters and packed weights, then what each gradient spreads.
      .backward_scratch = 2 * round_up(conv_.weight_count(), kLanes) + round_up(conv_.filters, kLanes) + of_x + of_dz};
}

int64_t Conv2dGroupedChannels::prepared_floats() const { return round_up(conv_.weight_count(), kLanes); }

void Conv2dGroupedChannels::prepare(Team& team, const float* weights, float* prepared) const {
  pack(team, GroupedPass::kForward, weights, prepared);
}

void Conv2dGroupedChannels::pack(Team& team, GroupedPass pass, const float* weights, float* packed) const {
  const GroupedShape shape = grouped_shape();
  team.for_each(conv_.window.taps(),
                [&](int64_t tap, int) { grouped_pack_weights(shape, pass, tap, weights, packed); });
}

// Images as the kernels read them: as they are where each channel has its own filter; else some, spread.
const float* Conv2dGroupedChannels::spread(Team& team, GroupedPass of, int64_t count, const float* images,
                                           float* to) const {
  const GroupedShape shape = grouped_shape();
  if (shape.is_spread()) return images;
  const bool forward = of == GroupedPass::kForward;
  const int64_t pixels = count * (forward ? conv_.window.input_pixels() : conv_.window.output_pixels());
  const int64_t channels = forward ? shape.channels : shape.filters;
  const int64_t floats = shape.parts(of) * shape.width(of);
  const Tiling tiles = tile_rows(pixels, floats);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    grouped_spread(shape, of, tiles.size(tile), images + first * channels, to + first * floats);
  });
  return to;
}

void Conv2dGroupedChannels::forward(const ForwardArguments& args, const float* prepared, float* scratch) const {
  constexpr auto kPass = GroupedPass::kForward;
  const GroupedShape shape = grouped_shape();
  const bool at_store = activates_at_store();
  const Tiling rows = grouped_row_tiles(shape, kPass);
  const int64_t x_image = conv_.window.input_pixels() * shape.parts(kPass) * shape.width(kPass);
  const int64_t y_image = conv_.window.output_pixels() * conv_.filters;
  const int64_t samples = shape.is_spread() ? args.pass.batch : 1;
  for (int64_t first = 0; first < args.pass.batch; first += samples) {
    const float* const images = args.x + first * conv_.window.input_pixels() * shape.channels;
    const float* const x = spread(args.pass.team, kPass, samples, images, scratch);
    args.pass.team.for_each(samples * rows.count, [&](int64_t job, int) {
      const int64_t sample = job / rows.count;
      const int64_t tile = job % rows.count;
      const GroupedOutput output{conv_.has_bias ? args.parameters[1] : nullptr,
                                 at_store && conv_.activation == Activation::kRelu,
                                 args.y + (first + sample) * y_image};
      conv2d_grouped_channels(shape, kPass, rows, tile, x + sample * x_image, prepared, output);
      if (at_store) return;
      add_bias_and_activate(conv_.activation,
                            {rows.size(tile) * conv_.window.output.width, conv_.filters, conv_.filters}, nullptr,
                            output.to + rows.first(tile) * conv_.window.output.width * conv_.filters);
    });
  }
}

// Samples of a piece; one where there is room for one to be spread.
Tiling Conv2dGroupedChannels::pieces(int64_t batch, int64_t threads) const {
  return cut(batch, grouped_shape().is_spread() ? backward_pieces(batch, threads) : batch);
}

void Conv2dGroupedChannels::backward(const BackwardArguments& args) const {
  constexpr auto kInput = GroupedPass::kInputGradient;
  Team& team = args.pass.team;
  const GroupedShape shape = grouped_shape();
  float* const own_biases = args.scratch + round_up(conv_.weight_count(), kLanes);
  float* const packed = own_biases + round_up(conv_.filters, kLanes);
  float* const spread_dz = packed + round_up(conv_.weight_count(), kLanes);
  float* const spread_x = spread_dz + spread_floats(kInput);
  const bool learns = conv_.trainable;
  float* const weights = learns ? args.gradients.target(0, 0, args.scratch) : nullptr;
  float* const biases = learns && conv_.has_bias ? args.gradients.target(1, 0, own_biases) : nullptr;
  if (biases != nullptr) std::fill_n(biases, conv_.filters, 0.0F);
  if (args.dx != nullptr) pack(team, kInput, args.parameters[0], packed);
  const Tiling parts = pieces(args.pass.batch, team.size());
  const Tiling rows = grouped_row_tiles(shape, kInput);
  const Tiling filters = grouped_gradient_tiles(shape);
  const int64_t runs = grouped_gradient_runs(shape);
  const int64_t pixels = conv_.window.output_pixels();
  const int64_t dz_image = pixels * shape.parts(kInput) * shape.width(kInput);
  const int64_t dx_image = conv_.window.input_pixels() * shape.channels;
  for (int64_t piece = 0; piece < parts.count; ++piece) {
    const int64_t first = parts.first(piece);
    const int64_t samples = parts.size(piece);
    activation_backward_rows(args, first * pixels, samples * pixels);
    const float* const dy = args.dy + first * pixels * conv_.filters;
    const float* const dz = args.dx == nullptr ? nullptr : spread(team, kInput, samples, dy, spread_dz);
    const float* const x =
        learns ? spread(team, GroupedPass::kForward, samples, args.x + first * dx_image, spread_x) : nullptr;
    const int64_t weight_jobs = learns ? filters.count * runs : 0;
    const int64_t input_jobs = args.dx == nullptr ? 0 : samples * rows.count;
    team.for_each(weight_jobs + input_jobs, [&](int64_t job, int) {
      if (job >= weight_jobs) {
        const int64_t sample = (job - weight_jobs) / rows.count;
        return conv2d_grouped_channels(shape, kInput, rows, (job - weight_jobs) % rows.count, dz + sample * dz_image,
                                       packed, {.to = args.dx + (first + sample) * dx_image});
      }
      const int64_t tile = job / runs;
      conv2d_grouped_channels_weight_gradient(shape, samples, job % runs, tile, x, dy,
                                              piece == 0 ? Accumulate::kOverwrite : Accumulate::kAdd, weights);
      if (biases == nullptr || job % runs > 0) return;
      const int64_t filter = filters.first(tile);
      for (int64_t sample = 0; sample < samples; ++sample) {
        add_column_sums({pixels, filters.size(tile), conv_.filters}, dy + sample * pixels * conv_.filters + filter,
                        biases + filter);
      }
    });
  }
  if (learns) complete_parameters(args, weights, biases);
}

}  // namespace gradloom
