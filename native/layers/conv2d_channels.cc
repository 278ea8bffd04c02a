#include "layers/conv2d_channels.h"

#include <algorithm>
#include <utility>

#include "layers/conv2d_blas.h"

namespace gradloom {

ChannelsShape Conv2dFiltersInLanes::forward_shape() const {
  return {.channels = conv_.channels_per_group(),
          .filters = conv_.filters_per_group(),
          .window = conv_.window,
          .x_channels = conv_.channels,
          .y_channels = conv_.filters};
}

ChannelsShape Conv2dFiltersInLanes::gradient_shape(const ChannelsShape& shape) {
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

bool Conv2dChannels::flips_windows() const {
  // Fewer channels leave most of a vector empty.
  constexpr int64_t kFewestChannels = 8;
  const Padding2d p = gradient_shape(forward_shape()).window.padding;
  return conv_.channels_per_group() >= kFewestChannels && conv_.window.stride.height == 1 &&
         conv_.window.stride.width == 1 && std::min({p.top, p.bottom, p.left, p.right}) >= 0;
}

int64_t Conv2dFiltersInLanes::padded_floats(const ChannelsShape& shape, int64_t batch) {
  const Extent2d padded = shape.padded();
  if (padded.height == shape.window.input.height && padded.width == shape.window.input.width) return 0;
  return checked_multiply(batch, checked_multiply(padded.height * padded.width, shape.x_channels));
}

LayerNeeds Conv2dChannels::needs(const LayerSetting& setting) const {
  return {.kernel = "direct-channels",
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .forward_scratch = padded_floats(forward_shape(), setting.batch),
          .backward_scratch = runs_backward(setting.phase) ? backward_floats(setting) : 0};
}

// Gradients of the parameters; flipped windows and padded copies of a piece of the batch, or in their place columns.
int64_t Conv2dChannels::backward_floats(const LayerSetting& setting) const {
  const Piece piece = pieces(setting.batch, setting.threads).piece(0);
  int64_t room = conv_.trainable ? padded_floats(piece.shape, piece.images) : 0;
  if (setting.input_gradient && flips_windows()) {
    room += packed_floats() + padded_floats(gradient_shape(piece.shape), piece.images);
  } else if (setting.input_gradient) {
    room = std::max(room, checked_multiply(setting.threads, Conv2dBlas(conv_).columns_size()));
  }
  return round_up(conv_.weight_count(), kLanes) + round_up(conv_.filters, kLanes) + room;
}

int64_t Conv2dChannels::prepared_floats() const { return packed_floats(); }

void Conv2dChannels::prepare(Team& team, const float* weights, float* prepared) const {
  pack(team, forward_shape(), PackedFor::kForward, weights, prepared);
}

void Conv2dFiltersInLanes::pack(Team& team, const ChannelsShape& shape, PackedFor pass, const float* weights,
                                float* packed) const {
  const int64_t group_weights = conv_.filters_per_group() * conv_.row_length();
  for_each_part(team, shape, [&](int64_t group, const PanelPart& part) {
    const float* const from = weights + group * group_weights;
    float* const to = packed + group * group_weights;
    pass == PackedFor::kForward ? pack_panels(shape, part, from, to) : pack_flipped_panels(shape, part, from, to);
  });
}

void Conv2dChannels::forward(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const ChannelsShape of_batch = forward_shape();
  const ChannelsOutput output{conv_.has_bias ? args.parameters[1] : nullptr,
                              conv_.activation.spans_row() ? Activation::kLinear : conv_.activation, args.y};
  const float* const x = pad_images(args.pass.team, of_batch, args.pass.batch, args.x, scratch);
  args.pass.team.for_each(args.pass.batch * jobs(of_batch),
                          [&](int64_t job, int) { convolve_job(of_batch, job, x, prepared, output); });
  if (conv_.activation.spans_row()) activate_rows(args);
}

// Samples or, where windows are pixels, rows of all of them as one image.
Conv2dChannels::Pieces Conv2dChannels::pieces(int64_t batch, int64_t threads) const {
  const int64_t count = backward_pieces(batch, threads);
  if (!conv_.window.pointwise()) return {forward_shape(), false, cut(batch, count)};
  return {forward_shape(), true,
          cut(batch * conv_.window.output.height, count, channels_gradient_rows(forward_shape()))};
}

Conv2dChannels::Piece Conv2dChannels::Pieces::piece(int64_t index) const {
  Piece piece{shape, cut.size(index), 0, 0};
  Window2d& w = piece.shape.window;
  if (by_rows) w.input.height = w.output.height = std::exchange(piece.images, 1);
  piece.first_input = cut.first(index) * (by_rows ? w.input.width : w.input_pixels());
  piece.first_output = cut.first(index) * (by_rows ? w.output.width : w.output_pixels());
  return piece;
}

void Conv2dChannels::backward(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  float* const biases = args.scratch + round_up(conv_.weight_count(), kLanes);
  float* const packed = biases + round_up(conv_.filters, kLanes);
  const bool input_gradient = args.dx != nullptr && flips_windows();
  float* const room = packed + (input_gradient ? packed_floats() : 0);
  if (input_gradient) {
    pack(team, gradient_shape(forward_shape()), PackedFor::kInputGradient, args.parameters[0], packed);
  }
  const bool learns = conv_.trainable;
  ChannelsGradient gradient{Accumulate::kOverwrite, learns ? args.gradients.target(0, 0, args.scratch) : nullptr,
                            learns && conv_.has_bias ? args.gradients.target(1, 0, biases) : nullptr};
  const Pieces parts = pieces(args.pass.batch, team.size());
  for (int64_t i = 0; i < parts.cut.count; ++i, gradient.accumulate = Accumulate::kAdd) {
    const Piece piece = parts.piece(i);
    const ChannelsShape of_input = gradient_shape(piece.shape);
    activation_backward_rows(args, piece.first_output, piece.images * piece.shape.window.output_pixels());
    const float* const dz = args.dy + piece.first_output * conv_.filters;
    const float* padded_dz = nullptr;
    float* padded_x = room;
    if (input_gradient) {
      padded_dz = pad_images(team, of_input, piece.images, dz, room);
      padded_x += padded_floats(of_input, piece.images);
    }
    const int64_t first = piece.first_input * piece.shape.x_channels;
    const float* const x = learns ? pad_images(team, piece.shape, piece.images, args.x + first, padded_x) : nullptr;
    const int64_t weight_jobs = learns ? weight_gradient_jobs(piece.shape) : 0;
    const int64_t input_jobs = input_gradient ? piece.images * jobs(of_input) : 0;
    team.for_each(weight_jobs + input_jobs, [&](int64_t job, int) {
      if (job < weight_jobs) return weight_gradient_job(piece.shape, piece.images, job, x, dz, gradient);
      convolve_job(of_input, job - weight_jobs, padded_dz, packed, {nullptr, Activation::kLinear, args.dx + first});
    });
  }
  if (args.dx != nullptr && !input_gradient) Conv2dBlas(conv_).input_gradient(args, room);
  if (learns) complete_parameters(args, gradient.weights, gradient.bias);
}

int64_t Conv2dFiltersInLanes::weight_gradient_jobs(const ChannelsShape& shape) const {
  return conv_.groups * channels_gradient_tiles(shape).count * conv_.window.window.height;
}

// x, dz, gradient: of all groups.
void Conv2dFiltersInLanes::weight_gradient_job(const ChannelsShape& shape, int64_t images, int64_t job, const float* x,
                                               const float* dz, const ChannelsGradient& gradient) const {
  const int64_t rows = conv_.window.window.height;
  const int64_t tiles = channels_gradient_tiles(shape).count;
  const int64_t group = job / rows / tiles;
  const int64_t filter = group * shape.filters;
  conv2d_channels_weight_gradient(shape, images, job / rows % tiles, job % rows, x + group * shape.channels,
                                  dz + filter,
                                  {gradient.accumulate, gradient.weights + filter * conv_.row_length(),
                                   gradient.bias == nullptr ? nullptr : gradient.bias + filter});
}

const float* Conv2dFiltersInLanes::pad_images(Team& team, const ChannelsShape& shape, int64_t count,
                                              const float* images, float* padded) {
  if (padded_floats(shape, count) == 0) return images;
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

// Of an image.
int64_t Conv2dChannels::jobs(const ChannelsShape& shape) const {
  return conv_.groups * channels_row_tiles(shape).count * shape.panels();
}

// x, output: of all images.
void Conv2dChannels::convolve_job(const ChannelsShape& shape, int64_t job, const float* x, const float* filters,
                                  const ChannelsOutput& output) const {
  const int64_t rows = channels_row_tiles(shape).count;
  const int64_t of_group = rows * shape.panels();
  const int64_t group = job / of_group % conv_.groups;
  const int64_t sample = job / of_group / conv_.groups;
  const Extent2d extent = shape.padded();
  ChannelsOutput part = output.of_group(shape, group);
  part.y += sample * shape.window.output_pixels() * shape.y_channels;
  conv2d_channels(shape, job % rows, job / rows % shape.panels(),
                  x + sample * extent.height * extent.width * shape.x_channels + group * shape.channels,
                  filters + group * shape.filters * shape.channels * shape.window.taps(), part);
}

}  // namespace gradloom
