// Conv2d for a few samples, in rows and with filters in the SIMD lanes (kernels/conv2d_channels.h). The gradient of the
// input is the same convolution of the gradient of the output, with the windows turned; that of other strides than 1
// or of few channels is conv2d_blas.cc's, which takes rows too.
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

bool Conv2d::channels_by_winograd(int64_t batch) const { return kernel_for(batch) == Conv2dKernel::kWinogradChannels; }

// The floats of a padded copy of the images, none where they have no padding.
int64_t Conv2d::channels_padded_floats(const ChannelsShape& shape, int64_t batch) {
  const Extent2d padded = shape.padded();
  if (padded.height == shape.window.input.height && padded.width == shape.window.input.width) return 0;
  return checked_multiply(batch, checked_multiply(padded.height * padded.width, shape.x_channels));
}

int64_t Conv2d::channels_scratch_floats(const ChannelsShape& shape, bool winograd, int64_t batch, int threads) {
  if (!winograd) return channels_padded_floats(shape, batch);
  return winograd_channels_chunk_threads(shape, batch, threads) * winograd_channels_tiles_floats(shape) +
         checked_multiply(threads, round_up(winograd_channels_products_floats(shape), kLanes));
}

// Turned filters and, behind them, what Winograd's are made into. Whole vectors.
int64_t Conv2d::channels_filter_floats(const ChannelsShape& shape, bool winograd) const {
  return turned_floats() + (winograd ? checked_multiply(groups_, winograd_channels_filter_floats(shape)) : 0);
}

LayerNeeds Conv2d::needs_channels(const LayerSetting& setting) const {
  const ChannelsShape shape = channels_shape();
  const bool winograd = channels_by_winograd(setting.batch);
  LayerNeeds needs{.kernel = winograd ? "winograd-channels" : "direct-channels",
                   .backward_reads_input = trainable(),
                   .backward_reads_output = activation_ != Activation::kLinear,
                   .forward_scratch = channels_scratch_floats(shape, winograd, setting.batch, setting.threads)};
  const ChannelsShape turned = channels_gradient_shape();
  if (winograd) {
    const auto direct = static_cast<double>(setting.batch) * static_cast<double>(flops());
    const auto groups = static_cast<double>(groups_);
    needs.flops =
        KernelFlops{groups * winograd_flops(winograd_forward_shape(window_.output), setting.batch),
                    groups * winograd_flops(winograd_input_gradient_shape(window_.output), setting.batch), direct};
  }
  const int64_t input_gradient = turns_windows()
                                     ? channels_filter_floats(turned, winograd) +
                                           channels_scratch_floats(turned, winograd, setting.batch, setting.threads)
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

void Conv2d::prepare_channels(Team& team, const ChannelsShape& shape, bool winograd, const TurnFilters& turn,
                              const float* weights, float* prepared) const {
  const int64_t group_weights = filters_per_group() * row_length();
  float* const u = prepared + turned_floats();
  const PanelParts parts(shape, ceil_divide(team.size(), groups_));
  team.for_each(groups_ * parts.count(), [&](int64_t job, int) {
    const int64_t group = job / parts.count();
    const PanelPart part = parts.part(job % parts.count());
    if (part.filters == 0) return;
    float* const turned = prepared + group * group_weights;
    turn(shape, part, weights + group * group_weights, turned);
    if (winograd) winograd_channels_filters(shape, part, turned, u + group * winograd_channels_filter_floats(shape));
  });
}

// Relu costs nothing at the store; other activations follow.
void Conv2d::forward_channels(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const ChannelsOutput output{has_bias_ ? args.parameters[1] : nullptr,
                              activation_.spans_row() ? Activation::kLinear : activation_, args.y};
  convolve_channels(args.pass, channels_shape(), channels_by_winograd(args.pass.batch), args.x, output, prepared,
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
  if (args.dx != nullptr) turns_windows() ? input_gradient_channels(args) : input_gradient_im2col(args);
  if (trainable()) parameter_gradients_channels(args);
}

void Conv2d::input_gradient_channels(const BackwardArguments& args) const {
  const ChannelsShape shape = channels_gradient_shape();
  const bool winograd = channels_by_winograd(args.pass.batch);
  prepare_channels(args.pass.team, shape, winograd, turn_windows, args.parameters[0], args.scratch);
  convolve_channels(args.pass, shape, winograd, args.dy, {nullptr, Activation::kLinear, args.dx}, args.scratch,
                    args.scratch + channels_filter_floats(shape, winograd));
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
  const EvenTiling tiles = channels_gradient_tiles(shape);
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

void Conv2d::parameter_gradients_winograd_channels(const BackwardArguments& args, const WinogradChannelsGradient& sums,
                                                   float* weights, float* biases, float* scratch) const {
  Team& team = args.pass.team;
  const WinogradShape shape = winograd_forward_shape(window_.output);
  const int64_t group_weights = shape.filters * row_length();
  const Tiling pieces = winograd_gradient_pieces(shape);
  for (int64_t group = 0; group < groups_; ++group) {
    const float* const x = args.x + group * shape.channels;
    const float* const dz = args.dy + group * shape.filters;
    if (team.size() <= sums.pieces()) {
      team.for_each(sums.pieces(), [&](int64_t piece, int thread) {
        for (int64_t chunk = sums.first_chunk(piece); chunk < sums.first_chunk(piece + 1); ++chunk) {
          for (int64_t job = 0; job < sums.transforms(chunk); ++job) sums.transform(chunk, job, x, dz, scratch, thread);
          for (int64_t job = 0; job < sums.products(); ++job) sums.product(piece, chunk, job, scratch, thread);
        }
      });
    } else {
      for (int64_t piece = 0; piece < sums.pieces(); ++piece) {
        for (int64_t chunk = sums.first_chunk(piece); chunk < sums.first_chunk(piece + 1); ++chunk) {
          team.for_each(sums.transforms(chunk),
                        [&](int64_t job, int) { sums.transform(chunk, job, x, dz, scratch, 0); });
          team.for_each(sums.products(), [&](int64_t job, int) { sums.product(piece, chunk, job, scratch, 0); });
        }
      }
    }
    if (sums.pieces() > 1) {
      team.for_each(kWinogradCoefficients, [&](int64_t coefficient, int) { sums.add_pieces(coefficient, scratch); });
    }
    team.for_each(pieces.count, [&](int64_t piece, int) {
      winograd_gradient_of_sums(shape, piece, scratch, weights + group * group_weights);
      const int64_t first = group * group_weights + pieces.first(piece) * row_length();
      args.gradients.complete(0, first, pieces.size(piece) * row_length(), weights + first);
    });
  }
  if (has_bias_) bias_gradient_rows(args, biases);
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

void Conv2d::convolve_channels(const Pass& pass, const ChannelsShape& shape, bool winograd, const float* x,
                               const ChannelsOutput& output, const float* prepared, float* scratch) const {
  if (winograd) return convolve_winograd_channels(pass, shape, x, output, prepared + turned_floats(), scratch);
  const float* const images = pad_images(pass, shape, x, scratch);
  const Extent2d extent = shape.padded();
  const int64_t image = extent.height * extent.width * shape.x_channels;
  const EvenTiling rows = channels_row_tiles(shape);
  const int64_t of_group = rows.count * shape.panels();
  pass.team.for_each(pass.batch * groups_ * of_group, [&](int64_t job, int) {
    const int64_t group = job / of_group % groups_;
    const int64_t sample = job / of_group / groups_;
    ChannelsOutput part = output;
    if (part.bias != nullptr) part.bias += group * shape.filters;
    part.y += sample * shape.window.output_pixels() * shape.y_channels + group * shape.filters;
    conv2d_channels(shape, job % rows.count, job / rows.count % shape.panels(),
                    images + sample * image + group * shape.channels,
                    prepared + group * shape.filters * shape.channels * shape.window.taps(), part);
  });
}

void Conv2d::convolve_winograd_channels(const Pass& pass, const ChannelsShape& shape, const float* x,
                                        const ChannelsOutput& output, const float* u, float* scratch) const {
  Team& team = pass.team;
  const bool at_store = output.activation == Activation::kLinear || output.activation == Activation::kRelu;
  const Tiling chunks = winograd_channels_chunks(shape, pass.batch, team.size());
  const int64_t rooms = winograd_channels_chunk_threads(shape, pass.batch, team.size());
  const int64_t of_chunk = winograd_channels_tiles_floats(shape);
  float* const of_threads = scratch + rooms * of_chunk;
  const int64_t of_thread = round_up(winograd_channels_products_floats(shape), kLanes);
  const auto transform = [&](int64_t group, int64_t chunk, int64_t job, float* v) {
    winograd_channels_transform(shape, chunks, chunk, job, x + group * shape.channels, v);
  };
  const auto multiply = [&](int64_t group, int64_t chunk, const PanelParts& parts, int64_t job, const float* v,
                            int thread) {
    ChannelsOutput part = output;
    if (part.bias != nullptr) part.bias += group * shape.filters;
    part.y += group * shape.filters;
    if (!at_store) part.activation = Activation::kLinear;
    winograd_channels_product(shape, parts, chunks, chunk, job, v, u + group * winograd_channels_filter_floats(shape),
                              part, of_threads + thread * of_thread);
  };
  if (rooms == team.size()) {
    // What the transforms of a chunk write stays in the caches of the thread that multiplies it.
    const PanelParts parts = winograd_channels_parts(shape, chunks, 1);
    team.for_each(groups_ * chunks.count, [&](int64_t index, int thread) {
      const int64_t group = index / chunks.count;
      const int64_t chunk = index % chunks.count;
      const int64_t tiles = chunks.size(chunk);
      float* const v = scratch + thread * of_chunk;
      for (int64_t job = 0; job < winograd_channels_transforms(shape, tiles).count; ++job) {
        transform(group, chunk, job, v);
      }
      for (int64_t job = 0; job < winograd_channels_products(shape, parts, tiles); ++job) {
        multiply(group, chunk, parts, job, v, thread);
      }
    });
  } else {
    const PanelParts parts = winograd_channels_parts(shape, chunks, team.size());
    for (int64_t index = 0; index < groups_ * chunks.count; ++index) {
      const int64_t group = index / chunks.count;
      const int64_t chunk = index % chunks.count;
      const int64_t tiles = chunks.size(chunk);
      team.for_each(winograd_channels_transforms(shape, tiles).count,
                    [&](int64_t job, int) { transform(group, chunk, job, scratch); });
      team.for_each(winograd_channels_products(shape, parts, tiles),
                    [&](int64_t job, int thread) { multiply(group, chunk, parts, job, scratch, thread); });
    }
  }
  if (at_store) return;
  const int64_t floats = pass.batch * shape.window.output_pixels() * shape.y_channels;
  const Tiling pieces = tile_rows(floats, 1);
  team.for_each(pieces.count, [&](int64_t piece, int) {
    const int64_t count = pieces.size(piece);
    add_bias_and_activate(output.activation, {1, count, count}, nullptr, output.y + pieces.first(piece));
  });
}

}  // namespace gradloom
