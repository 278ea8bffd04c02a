#include "layers/conv2d/direct.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/conv2d/direct/weight_gradient_argmax.h"
#include "kernels/conv2d/input_phase.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

namespace {

// Into how many bands of rows images are cut, at least: some where there are so few jobs, each a tile of filters of an
// image, that threads would wait for each other, but none of less than a few microseconds. Which taps on padding are
// left out changes with them, and so what infinite weights make of zeros, but no other bits. `products`: of a job.
int64_t fewest_bands(int threads, int64_t jobs, int64_t products) {
  constexpr int64_t kJobsPerThread = 6;
  constexpr int64_t kProductsPerBand = 100'000;
  if (threads == 1) return 1;
  return std::clamp<int64_t>(products / kProductsPerBand, 1, ceil_divide(kJobsPerThread * threads, jobs));
}

}  // namespace

// The layer's window, of whose output only `output` counts.
Window2d Conv2dDirect::window_onto(const Extent2d& output) const {
  Window2d window = conv_.window;
  window.output = output;
  return window;
}

Conv2dDirect::GradientPadding Conv2dDirect::gradient_padding(const Extent2d& output) const {
  const PhasePadding rows = phase_padding(rows_of(window_onto(output)));
  const PhasePadding columns = phase_padding(columns_of(window_onto(output)));
  return {{rows.before + output.height + rows.behind, columns.before + output.width + columns.behind},
          rows.before,
          columns.before};
}

// Where a pooling follows, its rows that one job takes the maxima of while the filters' output is in its L1.
int64_t Conv2dDirect::pooled_stripe(const Window2d& windows) const {
  constexpr int64_t kFloats = 8192;
  const int64_t row = direct_filter_tiles(conv_.filters_per_group()).largest() * cropped(windows).input.width * kLanes;
  return cut(windows.output.height, ceil_divide(windows.output.height * windows.window.height * row, kFloats)).step;
}

// Whether the kernel does so itself.
bool Conv2dDirect::takes_maxima(const Window2d& windows) const {
  const bool squares = windows.window.height == 2 && windows.window.width == 2;
  return squares && activates_at_store() && direct_takes_maxima();
}

int64_t Conv2dDirect::stripe_floats(const Window2d& windows) const {
  if (takes_maxima(windows)) return 0;
  const int64_t rows = pooled_stripe(windows) * windows.window.height;
  return direct_filter_tiles(conv_.filters_per_group()).largest() * plane_floats({rows, cropped(windows).input.width});
}

LayerNeeds Conv2dDirect::needs(const LayerSetting& setting) const {
  const bool saves = runs_backward(setting.phase);
  const int64_t blocks = lane_blocks(setting.batch);
  const Extent2d output = computed_output(setting.pooling);
  const int64_t padded = padded_floats(blocks);
  const int64_t padded_dz =
      setting.input_gradient ? checked_multiply(blocks * conv_.filters, plane_floats(gradient_padding(output).extent))
                             : 0;
  const WeightGradientTiles tiles = gradient_tiles(setting.pooling, blocks);
  LayerNeeds needs{
      .kernel = "direct",
      .backward_reads_input = conv_.trainable && !pads(),
      .backward_reads_output = conv_.activation != Activation::kLinear && !winners_apply_activation(setting.pooling),
      .saved = saves ? padded : 0,
      .forward_scratch = saves ? 0 : padded,
      // The padded gradient, packed weights, sums of planes, and the gradient of the parameters on its way
      // into the update.
      .backward_scratch = padded_dz + round_up(conv_.weight_count(), kLanes) +
                          round_up(blocks * conv_.filters, kLanes) + PieceGradients::floats(conv_, tiles.pieces.count)};
  needs.backward_scratch += setting.threads * job_floats(tiles, setting.pooling, setting.input_gradient);
  if (setting.pooling == nullptr) return needs;
  if (sums_by_argmax(setting.pooling)) {
    const double products = static_cast<double>(setting.batch) * static_cast<double>(conv_.flops());
    needs.flops = {products, products,
                   static_cast<double>(setting.batch * conv_.groups) * argmax_gradient_flops(forward_shape(output))};
  }
  // Of each thread the stripe whose maxima it takes.
  needs.forward_scratch += setting.threads * stripe_floats(*setting.pooling);
  if (saves) needs.saved += floats_of_winners(blocks * conv_.filters * plane_floats(setting.pooling->output));
  return needs;
}

int64_t Conv2dDirect::padded_floats(int64_t blocks) const {
  if (!pads()) return 0;
  return checked_multiply(blocks * conv_.channels, plane_floats(forward_shape(conv_.window.output).input));
}

void Conv2dDirect::prepare(Team& team, const float* weights, float* prepared) const {
  const DirectShape shape = forward_shape(conv_.window.output);
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t group_weights = shape.filters * conv_.row_length();
  team.for_each(conv_.groups * tiles.count, [&](int64_t job, int) {
    const int64_t group = job / tiles.count;
    pack_filters(shape, job % tiles.count, weights + group * group_weights, prepared + group * group_weights);
  });
}

void Conv2dDirect::forward(const ForwardArguments& args, const float* prepared, float* scratch) const {
  Team& team = args.pass.team;
  const DirectShape shape = forward_shape(computed_output(args.pooling));
  const int64_t blocks = lane_blocks(args.pass.batch);
  const float* x = args.x;
  if (pads()) {
    float* const padded = runs_backward(args.pass.phase) ? args.saved : scratch;
    pad_input(team, blocks, args.x, padded);
    if (padded == scratch) scratch += padded_floats(blocks);
    x = padded;
  }
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t group_weights = shape.filters * conv_.row_length();
  const bool pooled = args.pooling != nullptr;
  const int64_t jobs = blocks * conv_.groups * tiles.count;
  const int64_t fewest =
      fewest_bands(team.size(), jobs, tiles.largest() * shape.channels * shape.taps() * plane_floats(shape.output));
  const Tiling bands = pooled ? cut(args.pooling->output.height, fewest) : direct_bands(shape, fewest);
  team.for_each(jobs * bands.count, [&](int64_t job, int thread) {
    const int64_t tile = job % tiles.count;
    const int64_t band = job / tiles.count % bands.count;
    const int64_t group = job / tiles.count / bands.count % conv_.groups;
    const int64_t block = job / tiles.count / bands.count / conv_.groups;
    const int64_t channel = block * conv_.channels + group * shape.channels;
    const int64_t filter = group * shape.filters;
    const ForwardBand of_job{.shape = shape,
                             .x = x + channel * plane_floats(shape.input),
                             .packed = prepared + group * group_weights,
                             .bias = conv_.has_bias ? args.parameters[1] + filter : nullptr,
                             .tile = tile,
                             .filters = tiles.size(tile),
                             .lanes = lanes_in_use(args.pass.batch, block),
                             .image = block * conv_.filters + filter + tiles.first(tile),
                             .first_row = bands.first(band),
                             .rows = bands.size(band)};
    if (pooled) return forward_pooled_band(args, of_job, scratch + thread * stripe_floats(*args.pooling));
    const int64_t row = of_job.image * shape.output.height + of_job.first_row;
    convolve_rows(of_job, of_job.first_row, of_job.rows, shape.output, args.y + row * shape.output.width * kLanes);
  });
}

// To images of `extent` pixels.
void Conv2dDirect::convolve_rows(const ForwardBand& band, int64_t first_row, int64_t rows, const Extent2d& extent,
                                 float* y) const {
  const bool at_store = activates_at_store();
  DirectShape part = band.shape.rows(first_row, rows);
  part.lanes = band.lanes;
  conv2d_direct_forward(part, band.tile, band.input(first_row), band.packed, band.bias,
                        at_store ? conv_.activation : Activation::kLinear, whole_planes(y, extent));
  if (at_store) return;
  add_bias_and_activate(conv_.activation, {band.filters, plane_floats(part.output), plane_floats(extent)}, nullptr, y);
}

// Rows of maxima: from the registers, or stripe by stripe from `own`.
void Conv2dDirect::forward_pooled_band(const ForwardArguments& args, const ForwardBand& band, float* own) const {
  Window2d windows = cropped(*args.pooling);
  const Extent2d pooled = windows.output;
  const int64_t height = windows.window.height;
  const int64_t saved = padded_floats(lane_blocks(args.pass.batch));
  auto* const winners = runs_backward(args.pass.phase) ? reinterpret_cast<ArgmaxTap*>(args.saved + saved) : nullptr;
  const auto maxima_of = [&](int64_t filter, int64_t row) {
    return ((band.image + filter) * pooled.height + row) * pooled.width * kLanes;
  };
  if (takes_maxima(windows)) {
    const int64_t first_row = band.first_row * height;
    const int64_t at = maxima_of(0, band.first_row);
    DirectShape part = band.shape.rows(first_row, band.rows * height);
    part.lanes = band.lanes;
    return conv2d_direct_forward_maxima(
        part, band.tile, band.input(first_row), band.packed, band.bias, conv_.activation,
        {args.y + at, winners == nullptr ? nullptr : winners + at, plane_floats(pooled)});
  }
  const Winners kept = conv_.activation == Activation::kRelu ? Winners::kOfPositive : Winners::kOfAll;
  const int64_t step = pooled_stripe(windows);
  const int64_t end = band.first_row + band.rows;
  for (int64_t row = band.first_row, next = 0; row < end; row = next) {
    next = std::min(row + step, end);
    windows.output.height = next - row;
    windows.input.height = windows.output.height * height;
    convolve_rows(band, row * height, windows.input.height, windows.input, own);
    for (int64_t k = 0; k < band.filters; ++k) {
      const int64_t at = maxima_of(k, row);
      max_pool_lanes(windows, kept, own + k * plane_floats(windows.input), args.y + at,
                     winners == nullptr ? nullptr : winners + at);
    }
  }
}

void Conv2dDirect::pad_input(Team& team, int64_t blocks, const float* x, float* padded) const {
  const Extent2d target = forward_shape(conv_.window.output).input;
  const Tiling tiles = tile_rows(blocks * conv_.channels, plane_floats(target));
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t image = tiles.first(tile); image < tiles.first(tile) + tiles.size(tile); ++image) {
      pad_plane(x + image * plane_floats(conv_.window.input), padded + image * plane_floats(target));
    }
  });
}

// Of the output, for the gradient of the input.
void Conv2dDirect::pad_gradient(const Extent2d& output, const float* dz, float* padded_dz) const {
  const GradientPadding padding = gradient_padding(output);
  place_plane({output.height, padding.extent.height, padding.top}, {output.width, padding.extent.width, padding.left},
              dz, padded_dz);
}

void Conv2dDirect::backward(const BackwardArguments& args) const {
  const int64_t blocks = lane_blocks(args.pass.batch);
  const Extent2d output = computed_output(args.pooling);
  const GradientPadding padding = gradient_padding(output);
  const bool pads_dz = args.dx != nullptr;
  const int64_t padded_dz_floats = pads_dz ? blocks * conv_.filters * plane_floats(padding.extent) : 0;
  float* const padded_dz = args.scratch;
  float* const packed = padded_dz + padded_dz_floats;
  float* const plane_sums = packed + round_up(conv_.weight_count(), kLanes);
  float* const weights = plane_sums + round_up(blocks * conv_.filters, kLanes);
  if (!jobs_apply_activation(args)) activate_backward(args, padded_dz, plane_sums, weights);
  if (args.dx != nullptr) input_gradient(args, padded_dz, packed);
  if (!conv_.trainable) return;

  // The gradient of the output: in its own buffer, or in its padded copy.
  const DirectShape shape = forward_shape(output);
  WeightGradientOperands operands{};
  operands.x = pads() ? args.saved : args.x;
  operands.x_block = conv_.channels * plane_floats(shape.input);
  operands.blocks = blocks;
  if (!pads_dz) {
    operands.dz = args.dy;
    operands.dz_channel = plane_floats(kept_output(args.pooling));
    operands.dz_row = output.width * kLanes;
  } else {
    operands.dz = padded_dz + (padding.top * padding.extent.width + padding.left) * kLanes;
    operands.dz_channel = plane_floats(padding.extent);
    operands.dz_row = padding.extent.width * kLanes;
  }
  operands.dz_pixel = kLanes;
  operands.dz_block = conv_.filters * operands.dz_channel;
  parameter_gradients(args, operands, plane_sums, weights);
}

const ArgmaxTap* Conv2dDirect::winners_of(const BackwardArguments& args) const {
  return reinterpret_cast<const ArgmaxTap*>(args.saved + padded_floats(lane_blocks(args.pass.batch)));
}

// Whether windows whose maximum lets no gradient through have no winner.
bool Conv2dDirect::winners_apply_activation(const Window2d* pooling) const {
  return pooling != nullptr && (conv_.activation == Activation::kRelu || conv_.activation == Activation::kLinear);
}

// The gradient of the maxima of one filter, `blocks` planes from `plane` on, goes to the pixels that won. Returns its
// sum.
float Conv2dDirect::unpool_planes(const BackwardArguments& args, const ArgmaxTap* winners, int64_t plane,
                                  int64_t blocks, const UnpooledPlanes& to) const {
  const int64_t kept = plane_floats(args.pooling->output);
  double sum = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t from = (plane + block * conv_.filters) * kept;
    sum += max_pool_lanes_backward(cropped(*args.pooling), args.dy + from, winners + from, to.data + block * to.stride);
  }
  return static_cast<float>(sum);
}

// dz = dy * activation'(y) in place; where the gradient of the input is wanted, also a copy for its convolution, spread
// over the pixels that won where a pooling follows; and the sum of every plane.
void Conv2dDirect::activate_backward(const BackwardArguments& args, float* padded_dz, float* plane_sums,
                                     float* own) const {
  const Extent2d output = computed_output(args.pooling);
  const int64_t of_padded = plane_floats(gradient_padding(output).extent);
  const int64_t plane = plane_floats(output);
  const int64_t kept = plane_floats(kept_output(args.pooling));
  const Tiling tiles = tile_rows(lane_blocks(args.pass.batch) * conv_.filters, plane);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    for (int64_t image = tiles.first(tile); image < tiles.first(tile) + tiles.size(tile); ++image) {
      float* dz = args.dy + image * kept;
      if (!winners_apply_activation(args.pooling))
        activation_backward(conv_.activation, {1, kept, kept}, args.y + image * kept, dz);
      if (args.pooling != nullptr && args.dx != nullptr) {
        dz = own + thread * plane;
        plane_sums[image] = unpool_planes(args, winners_of(args), image, 1, {dz, plane});
      } else {
        plane_sums[image] = conv2d_bias_gradient(1, kept, kept, dz);
      }
      if (args.dx != nullptr) pad_gradient(output, dz, padded_dz + image * of_padded);
    }
  });
}

// Calls visit(rows' phase, columns' phase, their convolution, its packed weights of the first group) for the phases of
// the gradient of the input. `output`: of the layer.
template <class Visit>
void Conv2dDirect::for_each_phase(const Extent2d& output, float* packed, Visit visit) const {
  const Extent2d extent = gradient_padding(output).extent;
  for_each_input_phase(window_onto(output), [&](const InputPhase& row, const InputPhase& column) {
    const DirectShape shape{.channels = conv_.filters_per_group(),
                            .filters = conv_.channels_per_group(),
                            .input = extent,
                            .output = {row.count, column.count},
                            .window = {row.taps, column.taps},
                            .stride = {1, 1},
                            .dilation = {row.dilation, column.dilation},
                            .zeros = {.above = -row.start,
                                      .below = extent.height - (output.height - row.start),
                                      .left = -column.start,
                                      .right = extent.width - (output.width - column.start)}};
    visit(row, column, shape, packed);
    packed += shape.taps() * conv_.filters_per_group() * conv_.channels_per_group();
  });
}

void Conv2dDirect::pack_phases(Team& team, const Extent2d& output, const float* weights, float* packed) const {
  const EvenTiling tiles = direct_filter_tiles(conv_.channels_per_group());
  const int64_t group_weights = conv_.filters_per_group() * conv_.row_length();
  team.for_each(conv_.groups * tiles.count, [&](int64_t job, int) {
    const int64_t group = job / tiles.count;
    for_each_phase(output, packed,
                   [&](const InputPhase& row, const InputPhase& column, const DirectShape& shape, float* of_phase) {
                     const FlippedTaps taps = flipped_taps(conv_.window.window, row, column);
                     pack_flipped_filters(shape, taps, job % tiles.count, weights + group * group_weights,
                                          of_phase + group * group_weights);
                   });
  });
}

// Of the channels of one tile of a group, from that group's padded gradient of a block.
void Conv2dDirect::convolve_phases(const Extent2d& output, const PhaseJob& job, const float* padded_dz, float* packed,
                                   float* dx) const {
  const GradientPadding padding = gradient_padding(output);
  const int64_t group_weights = conv_.filters_per_group() * conv_.row_length();
  const int64_t width = conv_.window.input.width;
  for_each_phase(
      output, packed, [&](const InputPhase& row, const InputPhase& column, const DirectShape& shape, float* of_phase) {
        const EvenTiling bands{row.count, job.bands};
        const int64_t first = bands.first(job.band);
        DirectShape part = shape.rows(first, bands.size(job.band));
        part.lanes = job.lanes;
        const int64_t start = (padding.top + row.start + first) * padding.extent.width + padding.left + column.start;
        const int64_t input_row = row.first + first * conv_.window.stride.height;
        const DirectOutput to{dx + (input_row * width + column.first) * kLanes, plane_floats(conv_.window.input),
                              conv_.window.stride.height * width * kLanes, conv_.window.stride.width * kLanes};
        conv2d_direct_forward(part, job.tile, padded_dz + start * kLanes, of_phase + job.group * group_weights, nullptr,
                              Activation::kLinear, to);
      });
}

void Conv2dDirect::input_gradient(const BackwardArguments& args, const float* padded_dz, float* packed) const {
  const Extent2d output = computed_output(args.pooling);
  const int64_t of_group = conv_.filters_per_group() * plane_floats(gradient_padding(output).extent);
  const EvenTiling tiles = direct_filter_tiles(conv_.channels_per_group());
  pack_phases(args.pass.team, output, args.parameters[0], packed);
  const int64_t jobs = lane_blocks(args.pass.batch) * conv_.groups * tiles.count;
  const int64_t bands =
      fewest_bands(args.pass.team.size(), jobs,
                   tiles.largest() * conv_.filters_per_group() * conv_.window.taps() * plane_floats(output));
  args.pass.team.for_each(jobs * bands, [&](int64_t index, int) {
    const int64_t images = index / bands / tiles.count;  // of one group and block
    const PhaseJob job{images % conv_.groups, index % tiles.count, index / tiles.count % bands, bands,
                       lanes_in_use(args.pass.batch, images / conv_.groups)};
    convolve_phases(
        output, job, padded_dz + images * of_group, packed,
        args.dx + (images * conv_.channels_per_group() + tiles.first(job.tile)) * plane_floats(conv_.window.input));
  });
}

}  // namespace gradloom
