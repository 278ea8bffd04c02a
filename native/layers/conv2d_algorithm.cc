#include "layers/conv2d_algorithm.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

bool Conv2dInLanes::pads() const {
  const Padding2d& p = window_.padding;
  return p.top + p.bottom + p.left + p.right > 0;
}

DirectShape Conv2dInLanes::forward_shape(const Extent2d& output) const {
  const Padding2d& p = window_.padding;
  return {.channels = channels_per_group(),
          .filters = filters_per_group(),
          .input = {window_.input.height + p.top + p.bottom, window_.input.width + p.left + p.right},
          .output = output,
          .window = window_.window,
          .stride = window_.stride,
          .dilation = window_.dilation,
          .zeros = {.above = p.top, .below = p.bottom, .left = p.left, .right = p.right}};
}

void Conv2dInLanes::pad_image(const float* x, float* padded) const {
  const Extent2d target = forward_shape(window_.output).input;
  place_image({window_.input.height, target.height, window_.padding.top},
              {window_.input.width, target.width, window_.padding.left}, x, padded);
}

Window2d Conv2dInLanes::cropped(const Window2d& windows) {
  Window2d result = windows;
  result.input = {windows.output.height * windows.window.height, windows.output.width * windows.window.width};
  return result;
}

float Conv2dInLanes::sum_of_images(int64_t batch, const float* image_sums, int64_t filter) const {
  double sum = 0;
  for (int64_t block = 0; block < lane_blocks(batch); ++block) sum += image_sums[block * filters_ + filter];
  return static_cast<float>(sum);
}

void Conv2dInRows::activate_rows(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(args.pass.batch * window_.output_pixels(), filters_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_bias_and_activate(activation_, {tiles.size(tile), filters_, filters_}, nullptr,
                          args.y + tiles.first(tile) * filters_);
  });
}

void Conv2dInRows::activation_backward_rows(const BackwardArguments& args, int64_t first, int64_t pixels) const {
  if (activation_ == Activation::kLinear) return;
  const Tiling tiles = tile_rows(pixels, filters_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t from = (first + tiles.first(tile)) * filters_;
    activation_backward(activation_, {tiles.size(tile), filters_, filters_}, args.y + from, args.dy + from);
  });
}

int64_t Conv2dInRows::backward_pieces(int64_t batch, int64_t threads) const {
  // Of each thread, and as many more of what belongs to them: half of an L2 of 512 KiB.
  constexpr int64_t kFloats = 32 * 1024;
  const int64_t of_sample = std::max(output_floats(), input_floats());
  return ceil_divide(checked_multiply(batch, of_sample), kFloats * threads);
}

void Conv2dInRows::complete_parameters(const BackwardArguments& args, float* weights, float* biases) const {
  const Tiling ranges = tile_rows(weight_count(), 1);
  args.pass.team.for_each(ranges.count + (has_bias_ ? 1 : 0), [&](int64_t range, int) {
    if (range == ranges.count) return args.gradients.complete(1, 0, filters_, biases);
    const int64_t first = ranges.first(range);
    args.gradients.complete(0, first, ranges.size(range), weights + first);
  });
}

}  // namespace gradloom
