#include "layers/conv2d/channels.h"

#include <algorithm>
#include <utility>

#include "layers/conv2d/blas.h"

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
  // BLAS packs weights for every image, but the products of a phase have the few pixels of one row.
  constexpr int64_t kFewestWeights = int64_t{1} << 16;
  return conv_.channels_per_group() >= kFewestChannels &&
         (!conv_.window.strided() || conv_.filters_per_group() * conv_.row_length() >= kFewestWeights);
}

int64_t Conv2dFiltersInLanes::padded_floats(const ChannelsShape& shape, int64_t batch) {
  const Extent2d padded = shape.padded();
  if (padded.height == shape.window.input.height && padded.width == shape.window.input.width) return 0;
  return checked_multiply(batch, checked_multiply(checked_multiply(padded.height, padded.width), shape.x_channels));
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
    room += packed_floats() + padded_floats(padded_gradient(piece.shape), piece.images);
  } else if (setting.input_gradient) {
    room = std::max(room, checked_multiply(setting.threads, Conv2dBlas(conv_).columns_size()));
  }
  return parameter_floats() + room;
}

int64_t Conv2dChannels::prepared_floats() const { return packed_floats(); }

void Conv2dChannels::prepare(Team& team, const float* weights, float* prepared) const { pack(team, weights, prepared); }

void Conv2dFiltersInLanes::pack(Team& team, const float* weights, float* packed) const {
  const ChannelsShape shape = forward_shape();
  for_each_part(team, shape, [&](int64_t group, const PanelPart& part) {
    const int64_t first = group * group_weights();
    pack_panels(shape, part, weights + first, packed + first);
  });
}

void Conv2dFiltersInLanes::pack_phases(Team& team, const float* weights, float* packed) const {
  const ChannelsShape shape = forward_shape();
  for_each_part(team, gradient_shape(shape), [&](int64_t group, const PanelPart& part) {
    const int64_t first = group * group_weights();
    for_each_phase(shape, shape.window.output,
                   [&](const InputPhase& row, const InputPhase& column, const ChannelsShape& phase, int64_t of_phase) {
                     pack_flipped_panels(phase, part, flipped_taps(shape.window.window, row, column), weights + first,
                                         packed + first + of_phase);
                   });
  });
}

void Conv2dChannels::forward(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const ChannelsShape of_batch = forward_shape();
  const ChannelsOutput output = forward_output(args);
  const float* const x = pad_images(args.pass.team, of_batch, args.pass.batch, args.x, scratch);
  const EvenTiling bands = channels_row_tiles(of_batch);
  const Jobs all = jobs(of_batch, args.pass.batch, bands.count);
  const Extent2d padded = of_batch.padded();
  const int64_t row = conv_.window.output.width * conv_.filters;
  args.pass.team.for_each(all.count(), [&](int64_t index, int) {
    const auto [image, group, panel, band] = all.job(index);
    ChannelsOutput to = output.of_group(of_batch, group);
    to.y += image * conv_.output_floats();
    conv2d_channels(of_batch, {bands.first(band), bands.size(band), panel},
                    x + image * padded.height * padded.width * conv_.channels + group * of_batch.channels,
                    prepared + group * group_weights(), to, {row, conv_.filters});
  });
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
  float* const packed = args.scratch + parameter_floats();
  const bool input_gradient = args.dx != nullptr && flips_windows();
  float* const room = packed + (input_gradient ? packed_floats() : 0);
  if (input_gradient) pack_phases(team, args.parameters[0], packed);
  const bool learns = conv_.trainable;
  ChannelsGradient gradient = parameter_targets(args);
  const Pieces parts = pieces(args.pass.batch, team.size());
  for (int64_t i = 0; i < parts.cut.count; ++i, gradient.accumulate = Accumulate::kAdd) {
    const Piece piece = parts.piece(i);
    activation_backward_rows(args, piece.first_output, piece.images * piece.shape.window.output_pixels());
    const float* const dz = args.dy + piece.first_output * conv_.filters;
    const float* padded_dz = nullptr;
    float* padded_x = room;
    Jobs input_jobs{};
    if (input_gradient) {
      const ChannelsShape of_input = padded_gradient(piece.shape);
      input_jobs = input_gradient_jobs(piece.shape, piece.images);
      padded_dz = pad_images(team, of_input, piece.images, dz, room);
      padded_x += padded_floats(of_input, piece.images);
    }
    const int64_t first = piece.first_input * piece.shape.x_channels;
    const float* const x = learns ? pad_images(team, piece.shape, piece.images, args.x + first, padded_x) : nullptr;
    const int64_t weight_jobs = learns ? weight_gradient_jobs(piece.shape) : 0;
    team.for_each(weight_jobs + input_jobs.count(), [&](int64_t job, int) {
      if (job < weight_jobs) return weight_gradient_job(piece.shape, piece.images, job, x, dz, gradient);
      input_gradient_job(piece.shape, input_jobs, job - weight_jobs, padded_dz, packed, args.dx + first);
    });
  }
  if (args.dx != nullptr && !input_gradient) Conv2dBlas(conv_).input_gradient(args, room);
  if (learns) complete_parameters(args, gradient.weights, gradient.bias);
}

ChannelsOutput Conv2dFiltersInLanes::forward_output(const ForwardArguments& args) const {
  return {conv_.has_bias ? args.parameters[1] : nullptr,
          conv_.activation.spans_row() ? Activation::kLinear : conv_.activation, args.y};
}

ChannelsGradient Conv2dFiltersInLanes::parameter_targets(const BackwardArguments& args) const {
  ChannelsGradient gradient{Accumulate::kOverwrite, nullptr, nullptr};
  if (!conv_.trainable) return gradient;
  gradient.weights = args.gradients.target(0, 0, args.scratch);
  float* const of_bias = args.scratch + round_up(conv_.weight_count(), kLanes);
  if (conv_.has_bias) gradient.bias = args.gradients.target(1, 0, of_bias);
  return gradient;
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

// ---- jobs

Conv2dChannels::Jobs::Job Conv2dChannels::Jobs::job(int64_t index) const {
  const int64_t band = index % bands;
  const int64_t other = index / bands;
  if (!by_panel) return {other / panels / groups, other / panels % groups, other % panels, band};
  return {other % images, other / images / panels, other / images % panels, band};
}

// A panel for all images, where the weights outweigh one of these.
Conv2dChannels::Jobs Conv2dChannels::jobs(const ChannelsShape& shape, int64_t images, int64_t bands) const {
  const bool by_panel = conv_.weight_count() > std::max(conv_.input_floats(), conv_.output_floats());
  return {images, conv_.groups, shape.panels(), bands, by_panel};
}

// ---- the gradient of the input

ChannelsShape Conv2dChannels::padded_gradient(const ChannelsShape& shape) {
  ChannelsShape gradient = gradient_shape(shape);
  const PhasePadding rows = phase_padding(rows_of(shape.window));
  const PhasePadding columns = phase_padding(columns_of(shape.window));
  gradient.window.padding = {rows.before, rows.behind, columns.before, columns.behind};
  return gradient;
}

Conv2dChannels::Jobs Conv2dChannels::input_gradient_jobs(const ChannelsShape& shape, int64_t images) const {
  ChannelsShape gradient = gradient_shape(shape);
  Extent2d& output = gradient.window.output;
  output = {ceil_divide(output.height, shape.window.stride.height),
            ceil_divide(output.width, shape.window.stride.width)};
  return jobs(gradient, images, channels_row_tiles(gradient).count);
}

void Conv2dChannels::input_gradient_job(const ChannelsShape& shape, const Jobs& jobs, int64_t index,
                                        const float* padded_dz, const float* packed, float* dx) const {
  const Jobs::Job job = jobs.job(index);
  const ChannelsShape gradient = padded_gradient(shape);
  const Padding2d& padding = gradient.window.padding;
  const Extent2d padded = gradient.padded();
  const Extent2d& input = shape.window.input;
  const Extent2d& stride = shape.window.stride;
  const float* const dz =
      padded_dz + job.image * padded.height * padded.width * conv_.filters + job.group * gradient.channels;
  const PixelSteps steps{stride.height * input.width * conv_.channels, stride.width * conv_.channels};
  dx += job.image * shape.window.input_pixels() * conv_.channels + job.group * gradient.filters;
  packed += job.group * group_weights();
  for_each_phase(shape, padded,
                 [&](const InputPhase& row, const InputPhase& column, const ChannelsShape& phase, int64_t of_phase) {
                   const EvenTiling bands{row.count, jobs.bands};
                   if (phase.window.output_pixels() == 0) return;
                   const int64_t start = (padding.top + row.start) * padded.width + padding.left + column.start;
                   const ChannelsOutput to{nullptr, Activation::kLinear,
                                           dx + (row.first * input.width + column.first) * conv_.channels};
                   conv2d_channels(phase, {bands.first(job.band), bands.size(job.band), job.panel},
                                   dz + start * conv_.filters, packed + of_phase, to, steps);
                 });
}

}  // namespace gradloom
