// Conv2d for a few samples, in rows and with filters in the SIMD lanes (kernels/conv2d_channels.h). Gradients are those
// of conv2d_blas.cc, which takes rows too.
#include <algorithm>

#include "common/checked.h"
#include "kernels/conv2d_channels.h"
#include "kernels/lanes.h"
#include "layers/conv2d.h"

namespace gradloom {

ChannelsShape Conv2d::channels_shape() const {
  return {.channels = channels_per_group(),
          .filters = filters_per_group(),
          .window = window_,
          .x_channels = input_shape().back(),
          .y_channels = filters_};
}

// Where Winograd's filters begin, behind those they are made from.
int64_t Conv2d::turned_floats() const { return round_up(weight_count(), kLanes); }

LayerNeeds Conv2d::needs_channels(const LayerSetting& setting) const {
  const ChannelsShape shape = channels_shape();
  LayerNeeds needs = needs_rows(setting);
  if (kernel_for(setting.batch) == Conv2dKernel::kWinogradChannels) {
    needs.kernel = "winograd-channels";
    const auto direct = static_cast<double>(setting.batch) * static_cast<double>(flops());
    needs.flops = KernelFlops{
        static_cast<double>(groups_) * winograd_flops(winograd_forward_shape(window_.output), setting.batch), direct,
        direct};
    needs.forward_scratch =
        winograd_channels_tiles_floats(shape) +
        checked_multiply(setting.threads, round_up(winograd_channels_products_floats(shape), kLanes));
  } else {
    const Extent2d padded = shape.padded();
    needs.kernel = "direct-channels";
    needs.forward_scratch =
        pads() ? checked_multiply(setting.batch, checked_multiply(padded.height * padded.width, shape.x_channels)) : 0;
  }
  return needs;
}

void Conv2d::prepare_channels(Team& team, int64_t batch, const float* weights, float* prepared) const {
  const ChannelsShape shape = channels_shape();
  const bool winograd = kernel_for(batch) == Conv2dKernel::kWinogradChannels;
  const int64_t group_weights = filters_per_group() * row_length();
  float* const u = prepared + turned_floats();
  team.for_each(groups_ * shape.panels(), [&](int64_t job, int) {
    const int64_t group = job / shape.panels();
    const int64_t panel = job % shape.panels();
    float* const turned = prepared + group * group_weights;
    turn_filters(shape, panel, weights + group * group_weights, turned);
    if (winograd) winograd_channels_filters(shape, panel, turned, u + group * winograd_channels_filter_floats(shape));
  });
}

// Relu costs nothing at the store; other activations follow.
void Conv2d::forward_channels(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const ChannelsOutput output{has_bias_ ? args.parameters[1] : nullptr,
                              activation_.spans_row() ? Activation::kLinear : activation_, args.y};
  if (kernel_for(args.pass.batch) == Conv2dKernel::kWinogradChannels) {
    convolve_winograd_channels(args, output, prepared + turned_floats(), scratch);
  } else {
    convolve_channels(args, output, prepared, scratch);
  }
  if (!activation_.spans_row()) return;
  const Tiling tiles = tile_rows(args.pass.batch * window_.output_pixels(), filters_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_bias_and_activate(activation_, {tiles.size(tile), filters_, filters_}, nullptr,
                          args.y + tiles.first(tile) * filters_);
  });
}

void Conv2d::convolve_channels(const ForwardArguments& args, const ChannelsOutput& output, const float* turned,
                               float* padded) const {
  const ChannelsShape shape = channels_shape();
  const Extent2d extent = shape.padded();
  const int64_t image = extent.height * extent.width * shape.x_channels;
  if (pads()) {
    const int64_t row_floats = extent.width * shape.x_channels;
    const Tiling tiles = tile_rows(args.pass.batch * extent.height, row_floats);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      for (int64_t row = tiles.first(tile); row < tiles.first(tile) + tiles.size(tile); ++row) {
        pad_row(args.x + row / extent.height * input_shape().size(), row % extent.height, extent.width,
                padded + row * row_floats);
      }
    });
  }
  const float* const x = pads() ? padded : args.x;
  const EvenTiling rows = channels_row_tiles(shape);
  const int64_t of_group = rows.count * shape.panels();
  args.pass.team.for_each(args.pass.batch * groups_ * of_group, [&](int64_t job, int) {
    const int64_t group = job / of_group % groups_;
    const int64_t sample = job / of_group / groups_;
    ChannelsOutput part = output;
    if (part.bias != nullptr) part.bias += group * shape.filters;
    part.y += sample * output_shape().size() + group * shape.filters;
    conv2d_channels(shape, job % rows.count, job / rows.count % shape.panels(),
                    x + sample * image + group * shape.channels, turned + group * shape.filters * row_length(), part);
  });
}

// One row of a padded image.
void Conv2d::pad_row(const float* image, int64_t row, int64_t width, float* padded) const {
  const int64_t channels = input_shape().back();
  const int64_t from = row - window_.padding.top;
  float* const end = padded + width * channels;
  if (from < 0 || from >= window_.input.height) {
    std::fill(padded, end, 0.0F);
    return;
  }
  float* const inside = std::fill_n(padded, window_.padding.left * channels, 0.0F);
  const int64_t floats = window_.input.width * channels;
  std::fill(std::copy_n(image + from * floats, floats, inside), end, 0.0F);
}

void Conv2d::convolve_winograd_channels(const ForwardArguments& args, const ChannelsOutput& output, const float* u,
                                        float* scratch) const {
  Team& team = args.pass.team;
  const ChannelsShape shape = channels_shape();
  const bool at_store = output.activation == Activation::kLinear || output.activation == Activation::kRelu;
  const Tiling chunks = winograd_channels_chunks(shape, args.pass.batch);
  float* const of_threads = scratch + winograd_channels_tiles_floats(shape);
  const int64_t of_thread = round_up(winograd_channels_products_floats(shape), kLanes);
  for (int64_t group = 0; group < groups_; ++group) {
    ChannelsOutput part = output;
    if (part.bias != nullptr) part.bias += group * shape.filters;
    part.y += group * shape.filters;
    if (!at_store) part.activation = Activation::kLinear;
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
      const int64_t tiles = chunks.size(chunk);
      team.for_each(winograd_channels_transforms(shape, tiles).count, [&](int64_t job, int) {
        winograd_channels_transform(shape, chunks, chunk, job, args.x + group * shape.channels, scratch);
      });
      team.for_each(winograd_channels_products(shape, tiles), [&](int64_t job, int thread) {
        winograd_channels_product(shape, chunks, chunk, job, scratch,
                                  u + group * winograd_channels_filter_floats(shape), part,
                                  of_threads + thread * of_thread);
      });
    }
  }
  if (at_store) return;
  const int64_t floats = args.pass.batch * output_shape().size();
  const Tiling pieces = tile_rows(floats, 1);
  team.for_each(pieces.count, [&](int64_t piece, int) {
    const int64_t count = pieces.size(piece);
    add_bias_and_activate(output.activation, {1, count, count}, nullptr, args.y + pieces.first(piece));
  });
}

}  // namespace gradloom
