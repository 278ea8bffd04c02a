#include "layers/conv2d/algorithm.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"

namespace gradloom {

int64_t PieceGradients::floats(const Conv2dDefinition& conv, int64_t pieces) {
  return round_up(checked_multiply(pieces, conv.weight_count() + conv.filters), kLanes);
}

PieceGradients::PieceGradients(const Conv2dDefinition& conv, GradientSink& sink, int64_t pieces, float* scratch)
    : conv_(conv),
      sink_(sink),
      pieces_(pieces),
      scratch_(scratch),
      weights_(sink.target(0, 0, scratch)),
      biases_(conv.has_bias ? sink.target(1, 0, scratch + pieces * conv.weight_count()) : nullptr) {}

float* PieceGradients::biases(int64_t piece) const {
  if (piece == 0 || biases_ == nullptr) return biases_;
  return scratch_ + pieces_ * conv_.weight_count() + piece * conv_.filters;
}

void PieceGradients::complete(Team& team, int64_t bias_pieces) const {
  const Tiling ranges = tile_rows(conv_.weight_count(), 4);
  const auto complete = [&](int64_t range, int) {
    if (range == ranges.count) {
      for (int64_t piece = 1; piece < bias_pieces; ++piece) sum(biases_, biases(piece), conv_.filters, biases_);
      return sink_.complete(1, 0, conv_.filters, biases_);
    }
    const int64_t first = ranges.first(range);
    float* const total = weights_ + first;
    for (int64_t piece = 1; piece < pieces_; ++piece) {
      sum(total, weights(piece) + first, ranges.size(range), total);
    }
    sink_.complete(0, first, ranges.size(range), total);
  };
  const int64_t jobs = ranges.count + (conv_.has_bias ? 1 : 0);
  if (ranges.count > 1) return team.for_each(jobs, complete);
  for (int64_t job = 0; job < jobs; ++job) complete(job, 0);  // not worth a round of all threads
}

bool Conv2dInLanes::pads() const {
  const Padding2d& p = conv_.window.padding;
  return p.top + p.bottom + p.left + p.right > 0;
}

DirectShape Conv2dInLanes::forward_shape(const Extent2d& output) const {
  const Padding2d& p = conv_.window.padding;
  return {.channels = conv_.channels_per_group(),
          .filters = conv_.filters_per_group(),
          .input = {conv_.window.input.height + p.top + p.bottom, conv_.window.input.width + p.left + p.right},
          .output = output,
          .window = conv_.window.window,
          .stride = conv_.window.stride,
          .dilation = conv_.window.dilation,
          .zeros = {.above = p.top, .below = p.bottom, .left = p.left, .right = p.right}};
}

void Conv2dInLanes::pad_plane(const float* x, float* padded) const {
  const Extent2d target = forward_shape(conv_.window.output).input;
  place_plane({conv_.window.input.height, target.height, conv_.window.padding.top},
              {conv_.window.input.width, target.width, conv_.window.padding.left}, x, padded);
}

Window2d Conv2dInLanes::cropped(const Window2d& windows) {
  Window2d result = windows;
  result.input = {windows.output.height * windows.window.height, windows.output.width * windows.window.width};
  return result;
}

float Conv2dInLanes::sum_of_planes(int64_t batch, const float* plane_sums, int64_t filter) const {
  double sum = 0;
  for (int64_t block = 0; block < lane_blocks(batch); ++block) sum += plane_sums[block * conv_.filters + filter];
  return static_cast<float>(sum);
}

void Conv2dInRows::activate_rows(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(args.pass.batch * conv_.window.output_pixels(), conv_.filters);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_bias_and_activate(conv_.activation, {tiles.size(tile), conv_.filters, conv_.filters}, nullptr,
                          args.y + tiles.first(tile) * conv_.filters);
  });
}

void Conv2dInRows::activation_backward_rows(const BackwardArguments& args, int64_t first, int64_t pixels) const {
  if (conv_.activation == Activation::kLinear) return;
  const Tiling tiles = tile_rows(pixels, conv_.filters);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t from = (first + tiles.first(tile)) * conv_.filters;
    activation_backward(conv_.activation, {tiles.size(tile), conv_.filters, conv_.filters}, args.y + from,
                        args.dy + from);
  });
}

int64_t Conv2dInRows::backward_pieces(int64_t batch, int64_t threads) const {
  // Of each thread, and as many more of what belongs to them: half of an L2 of 512 KiB.
  constexpr int64_t kFloats = 32 * 1024;
  const int64_t of_sample = std::max(conv_.output_floats(), conv_.input_floats());
  return ceil_divide(checked_multiply(batch, of_sample), kFloats * threads);
}

void Conv2dInRows::complete_parameters(const BackwardArguments& args, float* weights, float* biases) const {
  const Tiling ranges = tile_rows(conv_.weight_count(), 1);
  args.pass.team.for_each(ranges.count + (conv_.has_bias ? 1 : 0), [&](int64_t range, int) {
    if (range == ranges.count) return args.gradients.complete(1, 0, conv_.filters, biases);
    const int64_t first = ranges.first(range);
    args.gradients.complete(0, first, ranges.size(range), weights + first);
  });
}

}  // namespace gradloom
