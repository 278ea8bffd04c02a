// Conv2d for a few samples, in rows and with filters in the SIMD lanes (kernels/conv2d_channels.h), by Winograd in
// conv2d_winograd_channels.cc. The gradient of the input is the same convolution of the gradient of the output, with
// the windows turned; that of other strides than 1 or of few channels is conv2d_blas.cc's, which takes rows too.
#include <algorithm>

#include "common/checked.h"
#include "kernels/conv2d_channels.h"
#include "kernels/lanes.h"
#include "kernels/winograd_channels_gradient.h"
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

// The convolution that gives the gradient of the input.
ChannelsShape Conv2d::channels_gradient_shape() const {
  Window2d turned = window_;
  std::swap(turned.input, turned.output);
  const int64_t rows = window_.dilation.height * (window_.window.height - 1);
  const int64_t columns = window_.dilation.width * (window_.window.width - 1);
  const Padding2d& p = window_.padding;
  turned.padding = {rows - p.top, rows - p.bottom, columns - p.left, columns - p.right};
  return {.channels = filters_per_group(),
          .filters = channels_per_group(),
          .window = turned,
          .x_channels = filters_,
          .y_channels = input_shape().back()};
}

bool Conv2d::turns_windows() const {
  // Fewer channels leave most of a vector empty.
  constexpr int64_t kFewestChannels = 8;
  const Padding2d p = channels_gradient_shape().window.padding;
  return channels_per_group() >= kFewestChannels && window_.stride.height == 1 && window_.stride.width == 1 &&
         std::min({p.top, p.bottom, p.left, p.right}) >= 0;
}

// The floats of a padded copy of the images, none where they have no padding.
int64_t Conv2d::channels_padded_floats(const ChannelsShape& shape, int64_t batch) {
  const Extent2d padded = shape.padded();
  if (padded.height == shape.window.input.height && padded.width == shape.window.input.width) return 0;
  return checked_multiply(batch, checked_multiply(padded.height * padded.width, shape.x_channels));
}

// For images of this pass: padded copies, or what Winograd's are made into and, if they are made as it goes, filters.
int64_t Conv2d::channels_scratch_floats(const ChannelsShape& shape, const LayerSetting& setting) const {
  return channels_by_winograd(setting.batch) ? winograd_channels_floats(shape, setting)
                                             : channels_padded_floats(shape, setting.batch);
}

// Turned filters and, behind them, what Winograd's are made into. Whole vectors.
int64_t Conv2d::channels_filter_floats(const ChannelsShape& shape, int64_t batch) const {
  if (!channels_by_winograd(batch)) return turned_floats();
  return turned_floats() + checked_multiply(groups_, transformed_floats(shape));
}

LayerNeeds Conv2d::needs_channels(const LayerSetting& setting) const {
  const ChannelsShape shape = channels_shape();
  const bool winograd = channels_by_winograd(setting.batch);
  LayerNeeds needs{.kernel = winograd ? "winograd-channels" : "direct-channels",
                   .backward_reads_input = trainable(),
                   .backward_reads_output = activation_ != Activation::kLinear,
                   .forward_scratch = channels_scratch_floats(shape, setting)};
  const ChannelsShape turned = channels_gradient_shape();
  if (winograd) {
    const auto direct = static_cast<double>(setting.batch) * static_cast<double>(flops());
    const auto groups = static_cast<double>(groups_);
    needs.flops =
        KernelFlops{groups * winograd_flops(winograd_forward_shape(window_.output), setting.batch),
                    groups * winograd_flops(winograd_input_gradient_shape(window_.output), setting.batch), direct};
  }
  const int64_t filters =
      makes_filters_by_part(turned, setting.batch) ? 0 : channels_filter_floats(turned, setting.batch);
  const int64_t input_gradient = turns_windows() ? filters + channels_scratch_floats(turned, setting)
                                                 : checked_multiply(setting.threads, columns_size());
  const WinogradChannelsGradient gradient(shape, winograd_forward_shape(window_.output), setting.batch);
  const bool sums = winograd && gradient.pays();
  if (sums) {
    needs.flops->weight_gradient =
        static_cast<double>(groups_) *
        winograd_weight_gradient_flops(winograd_forward_shape(window_.output), setting.batch);
  }
  const int64_t parameters = round_up(weight_count(), kLanes) + round_up(filters_, kLanes) +
                             (sums ? gradient.scratch(setting.threads) : channels_padded_floats(shape, setting.batch));
  needs.backward_scratch = std::max(input_gradient, parameters);
  return needs;
}

void Conv2d::prepare_channels(Team& team, const ChannelsShape& shape, bool winograd, TurnedFor pass,
                              const float* weights, float* prepared) const {
  const int64_t group_weights = filters_per_group() * row_length();
  float* const u = prepared + turned_floats();
  const PanelParts parts(shape, ceil_divide(team.size(), groups_));
  team.for_each(groups_ * parts.count(), [&](int64_t job, int) {
    const int64_t group = job / parts.count();
    const PanelPart part = parts.part(job % parts.count());
    if (part.filters == 0) return;
    const float* const from = weights + group * group_weights;
    float* const turned = prepared + group * group_weights;
    if (winograd) {
      float* const to = u + group * transformed_floats(shape);
      return make_winograd_filters(shape, part, pass, from, turned,
                                   to + part.panel * winograd_channels_panel_floats(shape));
    }
    pass == TurnedFor::kForward ? turn_filters(shape, part, from, turned) : turn_windows(shape, part, from, turned);
  });
}

// Relu costs nothing at the store; other activations follow.
void Conv2d::forward_channels(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const ChannelsOutput output{has_bias_ ? args.parameters[1] : nullptr,
                              activation_.spans_row() ? Activation::kLinear : activation_, args.y};
  convolve_channels(args.pass, channels_shape(), args.x, output, {prepared, TurnedFor::kForward, args.parameters[0]},
                    scratch);
  if (!activation_.spans_row()) return;
  const Tiling tiles = tile_rows(args.pass.batch * window_.output_pixels(), filters_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_bias_and_activate(activation_, {tiles.size(tile), filters_, filters_}, nullptr,
                          args.y + tiles.first(tile) * filters_);
  });
}

void Conv2d::backward_channels(const BackwardArguments& args) const {
  mask_gradient_rows(args);
  if (args.dx != nullptr) turns_windows() ? input_gradient_channels(args) : input_gradient_rows(args);
  if (trainable()) parameter_gradients_channels(args);
}

void Conv2d::input_gradient_channels(const BackwardArguments& args) const {
  const ChannelsShape shape = channels_gradient_shape();
  const int64_t batch = args.pass.batch;
  ChannelsFilters filters{nullptr, TurnedFor::kInputGradient, args.parameters[0]};
  float* scratch = args.scratch;
  if (!makes_filters_by_part(shape, batch)) {
    prepare_channels(args.pass.team, shape, channels_by_winograd(batch), filters.pass, filters.weights, scratch);
    filters.prepared = scratch;
    scratch += channels_filter_floats(shape, batch);
  }
  convolve_channels(args.pass, shape, args.dy, {nullptr, Activation::kLinear, args.dx}, filters, scratch);
}

void Conv2d::parameter_gradients_channels(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const ChannelsShape shape = channels_shape();
  const int64_t batch = args.pass.batch;
  float* const biases = args.scratch + round_up(weight_count(), kLanes);
  float* const scratch = biases + round_up(filters_, kLanes);
  float* const weight_gradient = args.gradients.target(0, 0, args.scratch);
  const WinogradChannelsGradient sums(shape, winograd_forward_shape(window_.output), batch);
  if (channels_by_winograd(batch) && sums.pays()) {
    return parameter_gradients_winograd_channels(args, sums, weight_gradient, biases, scratch);
  }
  float* const bias_gradient = has_bias_ ? args.gradients.target(1, 0, biases) : nullptr;
  const float* const x = pad_images(args.pass, shape, args.x, scratch);
  const Tiling tiles = channels_gradient_tiles(shape);
  const int64_t rows = window_.window.height;
  const int64_t pixels = batch * window_.output_pixels();
  team.for_each(groups_ * tiles.count * rows, [&](int64_t job, int) {
    const int64_t tap_row = job % rows;
    const int64_t tile = job / rows % tiles.count;
    const int64_t group = job / rows / tiles.count;
    const int64_t filter = group * shape.filters;
    conv2d_channels_weight_gradient(shape, batch, tile, tap_row, x + group * shape.channels, args.dy + filter,
                                    weight_gradient + filter * row_length());
    if (bias_gradient == nullptr || tap_row > 0) return;
    const int64_t first = filter + tiles.first(tile);
    std::fill_n(bias_gradient + first, tiles.size(tile), 0.0F);
    add_column_sums({pixels, tiles.size(tile), filters_}, args.dy + first, bias_gradient + first);
  });
  const Tiling ranges = tile_rows(weight_count(), 1);
  team.for_each(ranges.count + (has_bias_ ? 1 : 0), [&](int64_t range, int) {
    if (range == ranges.count) return args.gradients.complete(1, 0, filters_, bias_gradient);
    const int64_t first = ranges.first(range);
    args.gradients.complete(0, first, ranges.size(range), weight_gradient + first);
  });
}

// Of all pixels of all samples; `own` is where it goes unless an update or a sum has a place for it.
void Conv2d::bias_gradient_rows(const BackwardArguments& args, float* own) const {
  float* const biases = args.gradients.target(1, 0, own);
  const Tiling filters = cut(filters_, ceil_divide(filters_, kLanes), kLanes);
  args.pass.team.for_each(filters.count, [&](int64_t tile, int) {
    const int64_t first = filters.first(tile);
    std::fill_n(biases + first, filters.size(tile), 0.0F);
    add_column_sums({args.pass.batch * window_.output_pixels(), filters.size(tile), filters_}, args.dy + first,
                    biases + first);
  });
  args.gradients.complete(1, 0, filters_, biases);
}

// Padded copies of the images, or these, if they need none.
const float* Conv2d::pad_images(const Pass& pass, const ChannelsShape& shape, const float* images, float* padded) {
  if (channels_padded_floats(shape, pass.batch) == 0) return images;
  const Extent2d extent = shape.padded();
  const Window2d& w = shape.window;
  const int64_t channels = shape.x_channels;
  const int64_t row_floats = extent.width * channels;
  const int64_t floats = w.input.width * channels;
  const Tiling tiles = tile_rows(pass.batch * extent.height, row_floats);
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t row = tiles.first(tile); row < tiles.first(tile) + tiles.size(tile); ++row) {
      float* const to = padded + row * row_floats;
      const int64_t from = row % extent.height - w.padding.top;
      if (from < 0 || from >= w.input.height) {
        std::fill_n(to, row_floats, 0.0F);
        continue;
      }
      float* const inside = std::fill_n(to, w.padding.left * channels, 0.0F);
      const float* const source = images + (row / extent.height * w.input.height + from) * floats;
      std::fill(std::copy_n(source, floats, inside), to + row_floats, 0.0F);
    }
  });
  return padded;
}

void Conv2d::convolve_channels(const Pass& pass, const ChannelsShape& shape, const float* x,
                               const ChannelsOutput& output, const ChannelsFilters& filters, float* scratch) const {
  if (channels_by_winograd(pass.batch)) {
    return convolve_winograd_channels(pass, shape, x, output, filters, scratch);
  }
  const float* const images = pad_images(pass, shape, x, scratch);
  const Extent2d extent = shape.padded();
  const int64_t image = extent.height * extent.width * shape.x_channels;
  const EvenTiling rows = channels_row_tiles(shape);
  const int64_t of_group = rows.count * shape.panels();
  pass.team.for_each(pass.batch * groups_ * of_group, [&](int64_t job, int) {
    const int64_t group = job / of_group % groups_;
    const int64_t sample = job / of_group / groups_;
    ChannelsOutput part = output.of_group(shape, group);
    part.y += sample * shape.window.output_pixels() * shape.y_channels;
    conv2d_channels(shape, job % rows.count, job / rows.count % shape.panels(),
                    images + sample * image + group * shape.channels,
                    filters.prepared + group * shape.filters * shape.channels * shape.window.taps(), part);
  });
}

}  // namespace gradloom
