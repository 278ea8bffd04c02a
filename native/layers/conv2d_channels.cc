// Conv2d for a few samples, in rows and with filters in the SIMD lanes (kernels/conv2d_channels.h), by Winograd in
// conv2d_winograd_channels.cc. The gradient of the input is the same convolution of the gradient of the output, with
// flipped windows; that of other strides than 1 or of few channels is conv2d_blas.cc's, which takes rows too.
#include <algorithm>
#include <utility>

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
int64_t Conv2d::packed_floats() const { return round_up(weight_count(), kLanes); }

// The convolution that gives the gradient of the input.
ChannelsShape Conv2d::channels_gradient_shape() const { return gradient_shape(channels_shape()); }

ChannelsShape Conv2d::gradient_shape(const ChannelsShape& shape) {
  ChannelsShape gradient{.channels = shape.filters,
                         .filters = shape.channels,
                         .window = shape.window,
                         .x_channels = shape.y_channels,
                         .y_channels = shape.x_channels};
  Window2d& w = gradient.window;
  std::swap(w.input, w.output);
  const int64_t rows = w.dilation.height * (w.window.height - 1);
  const int64_t columns = w.dilation.width * (w.window.width - 1);
  const Padding2d& p = shape.window.padding;
  w.padding = {rows - p.top, rows - p.bottom, columns - p.left, columns - p.right};
  return gradient;
}

bool Conv2d::flips_windows() const {
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

// Packed filters and, behind them, what Winograd's are made into. Whole vectors.
int64_t Conv2d::channels_filter_floats(const ChannelsShape& shape, int64_t batch) const {
  if (!channels_by_winograd(batch)) return packed_floats();
  return packed_floats() + checked_multiply(groups_, transformed_floats(shape));
}

LayerNeeds Conv2d::needs_channels(const LayerSetting& setting) const {
  const ChannelsShape shape = channels_shape();
  const bool winograd = channels_by_winograd(setting.batch);
  LayerNeeds needs{.kernel = winograd ? "winograd-channels" : "direct-channels",
                   .backward_reads_input = trainable(),
                   .backward_reads_output = activation_ != Activation::kLinear,
                   .forward_scratch = channels_scratch_floats(shape, setting)};
  if (winograd) {
    add_needs_winograd_channels(setting, needs);
  } else if (runs_backward(setting.phase)) {
    add_needs_channels(setting, needs);
  }
  return needs;
}

// Gradients of the parameters; flipped windows and padded copies of a piece of the batch, or in their place columns.
void Conv2d::add_needs_channels(const LayerSetting& setting, LayerNeeds& needs) const {
  const ChannelsPiece piece = channels_pieces(setting.batch, setting.threads).piece(0);
  int64_t room = trainable() ? channels_padded_floats(piece.shape, piece.images) : 0;
  if (setting.input_gradient && flips_windows()) {
    room += packed_floats() + channels_padded_floats(gradient_shape(piece.shape), piece.images);
  } else if (setting.input_gradient) {
    room = std::max(room, checked_multiply(setting.threads, columns_size()));
  }
  needs.backward_scratch = round_up(weight_count(), kLanes) + round_up(filters_, kLanes) + room;
}

void Conv2d::prepare_channels(Team& team, const ChannelsShape& shape, bool winograd, PackedFor pass,
                              const float* weights, float* prepared) const {
  const int64_t group_weights = filters_per_group() * row_length();
  float* const u = prepared + packed_floats();
  const PanelParts parts(shape, ceil_divide(team.size(), groups_));
  team.for_each(groups_ * parts.count(), [&](int64_t job, int) {
    const int64_t group = job / parts.count();
    const PanelPart part = parts.part(job % parts.count());
    if (part.filters == 0) return;
    const float* const from = weights + group * group_weights;
    float* const packed = prepared + group * group_weights;
    if (winograd) {
      float* const to = u + group * transformed_floats(shape);
      return make_winograd_filters(shape, part, pass, from, packed,
                                   to + part.panel * winograd_channels_panel_floats(shape));
    }
    pass == PackedFor::kForward ? pack_panels(shape, part, from, packed)
                                : pack_flipped_panels(shape, part, from, packed);
  });
}

// Relu costs nothing at the store; other activations follow.
void Conv2d::forward_channels(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const ChannelsOutput output{has_bias_ ? args.parameters[1] : nullptr,
                              activation_.spans_row() ? Activation::kLinear : activation_, args.y};
  convolve_channels(args.pass, channels_shape(), args.x, output, {prepared, PackedFor::kForward, args.parameters[0]},
                    scratch);
  if (!activation_.spans_row()) return;
  const Tiling tiles = tile_rows(args.pass.batch * window_.output_pixels(), filters_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_bias_and_activate(activation_, {tiles.size(tile), filters_, filters_}, nullptr,
                          args.y + tiles.first(tile) * filters_);
  });
}

// Samples or, where windows are pixels, rows of all of them as one image.
Conv2d::ChannelsPieces Conv2d::channels_pieces(int64_t batch, int64_t threads) const {
  const ChannelsShape shape = channels_shape();
  const int64_t pieces = backward_pieces(batch, threads);
  if (!window_.pointwise()) return {shape, false, cut(batch, pieces)};
  return {shape, true, cut(batch * window_.output.height, pieces, channels_gradient_rows(shape))};
}

Conv2d::ChannelsPiece Conv2d::ChannelsPieces::piece(int64_t index) const {
  ChannelsPiece piece{shape, cut.size(index), 0, 0};
  Window2d& w = piece.shape.window;
  if (by_rows) w.input.height = w.output.height = std::exchange(piece.images, 1);
  piece.first_input = cut.first(index) * (by_rows ? w.input.width : w.input_pixels());
  piece.first_output = cut.first(index) * (by_rows ? w.output.width : w.output_pixels());
  return piece;
}

void Conv2d::backward_channels(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  float* const biases = args.scratch + round_up(weight_count(), kLanes);
  float* const packed = biases + round_up(filters_, kLanes);
  const bool input_gradient = args.dx != nullptr && flips_windows();
  float* const room = packed + (input_gradient ? packed_floats() : 0);
  if (input_gradient) {
    prepare_channels(team, channels_gradient_shape(), false, PackedFor::kInputGradient, args.parameters[0], packed);
  }
  const bool learns = trainable();
  ChannelsGradient gradient{Accumulate::kOverwrite, learns ? args.gradients.target(0, 0, args.scratch) : nullptr,
                            learns && has_bias_ ? args.gradients.target(1, 0, biases) : nullptr};
  const ChannelsPieces pieces = channels_pieces(args.pass.batch, team.size());
  for (int64_t i = 0; i < pieces.cut.count; ++i, gradient.accumulate = Accumulate::kAdd) {
    const ChannelsPiece piece = pieces.piece(i);
    const ChannelsShape of_input = gradient_shape(piece.shape);
    activation_backward_rows(args, piece.first_output, piece.images * piece.shape.window.output_pixels());
    const float* const dz = args.dy + piece.first_output * filters_;
    const float* placed = nullptr;
    float* padded_x = room;
    if (input_gradient) {
      placed = pad_images(team, of_input, piece.images, dz, room);
      padded_x += channels_padded_floats(of_input, piece.images);
    }
    const int64_t first = piece.first_input * piece.shape.x_channels;
    const float* const x = learns ? pad_images(team, piece.shape, piece.images, args.x + first, padded_x) : nullptr;
    const int64_t weight_jobs = learns ? weight_gradient_jobs(piece.shape) : 0;
    const int64_t input_jobs = input_gradient ? piece.images * channels_jobs(of_input) : 0;
    team.for_each(weight_jobs + input_jobs, [&](int64_t job, int) {
      if (job < weight_jobs) return weight_gradient_job(piece.shape, piece.images, job, x, dz, gradient);
      convolve_job(of_input, job - weight_jobs, placed, packed, {nullptr, Activation::kLinear, args.dx + first});
    });
  }
  if (args.dx != nullptr && !input_gradient) input_gradient_rows(args, room);
  if (learns) complete_parameters(args, gradient.weights, gradient.bias);
}

int64_t Conv2d::weight_gradient_jobs(const ChannelsShape& shape) const {
  return groups_ * channels_gradient_tiles(shape).count * window_.window.height;
}

// x, dz, gradient: of all groups.
void Conv2d::weight_gradient_job(const ChannelsShape& shape, int64_t images, int64_t job, const float* x,
                                 const float* dz, const ChannelsGradient& gradient) const {
  const int64_t rows = window_.window.height;
  const int64_t tiles = channels_gradient_tiles(shape).count;
  const int64_t group = job / rows / tiles;
  const int64_t filter = group * shape.filters;
  conv2d_channels_weight_gradient(shape, images, job / rows % tiles, job % rows, x + group * shape.channels,
                                  dz + filter,
                                  {gradient.accumulate, gradient.weights + filter * row_length(),
                                   gradient.bias == nullptr ? nullptr : gradient.bias + filter});
}

void Conv2d::complete_parameters(const BackwardArguments& args, float* weights, float* biases) const {
  const Tiling ranges = tile_rows(weight_count(), 1);
  args.pass.team.for_each(ranges.count + (has_bias_ ? 1 : 0), [&](int64_t range, int) {
    if (range == ranges.count) return args.gradients.complete(1, 0, filters_, biases);
    const int64_t first = ranges.first(range);
    args.gradients.complete(0, first, ranges.size(range), weights + first);
  });
}

// Padded copies of the images, or these, if they need none.
const float* Conv2d::pad_images(Team& team, const ChannelsShape& shape, int64_t count, const float* images,
                                float* padded) {
  if (channels_padded_floats(shape, count) == 0) return images;
  const Extent2d extent = shape.padded();
  const Window2d& w = shape.window;
  const int64_t channels = shape.x_channels;
  const int64_t row_floats = extent.width * channels;
  const int64_t floats = w.input.width * channels;
  const Tiling tiles = tile_rows(count * extent.height, row_floats);
  team.for_each(tiles.count, [&](int64_t tile, int) {
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
  const float* const images = pad_images(pass.team, shape, pass.batch, x, scratch);
  pass.team.for_each(pass.batch * channels_jobs(shape),
                     [&](int64_t job, int) { convolve_job(shape, job, images, filters.prepared, output); });
}

// Of an image.
int64_t Conv2d::channels_jobs(const ChannelsShape& shape) const {
  return groups_ * channels_row_tiles(shape).count * shape.panels();
}

// x, output: of all images.
void Conv2d::convolve_job(const ChannelsShape& shape, int64_t job, const float* x, const float* filters,
                          const ChannelsOutput& output) const {
  const int64_t rows = channels_row_tiles(shape).count;
  const int64_t of_group = rows * shape.panels();
  const int64_t group = job / of_group % groups_;
  const int64_t sample = job / of_group / groups_;
  const Extent2d extent = shape.padded();
  ChannelsOutput part = output.of_group(shape, group);
  part.y += sample * shape.window.output_pixels() * shape.y_channels;
  conv2d_channels(shape, job % rows, job / rows % shape.panels(),
                  x + sample * extent.height * extent.width * shape.x_channels + group * shape.channels,
                  filters + group * shape.filters * shape.channels * shape.window.taps(), part);
}

}  // namespace gradloom
