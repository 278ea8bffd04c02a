// Conv2d by the direct kernel, for images in lanes. Padding is done by copies: taps then never fall outside, and the
// kernel has no edges to care for. B: blocks of 16 samples; H', W': of the padded input; the gradient of the input is a
// convolution of the placed gradient of the output, [H + (R - 1) dilation, ...], with the window turned round.
#include <algorithm>

#include "common/checked.h"
#include "kernels/conv2d_direct.h"
#include "kernels/lanes.h"
#include "kernels/tiling.h"
#include "layers/conv2d.h"

namespace gradloom {
namespace {

int64_t image_floats(const Extent2d& extent) { return extent.height * extent.width * kLanes; }

}  // namespace

bool Conv2d::pads() const {
  const Padding2d& p = window_.padding;
  return p.top + p.bottom + p.left + p.right > 0;
}

DirectShape Conv2d::forward_shape() const {
  const Padding2d& p = window_.padding;
  return {.channels = channels_per_group(),
          .filters = filters_per_group(),
          .input = {window_.input.height + p.top + p.bottom, window_.input.width + p.left + p.right},
          .output = window_.output,
          .window = window_.window,
          .stride = window_.stride,
          .dilation = window_.dilation};
}

DirectShape Conv2d::input_gradient_shape() const {
  const int64_t height = window_.input.height + (window_.window.height - 1) * window_.dilation.height;
  const int64_t top = (window_.window.height - 1) * window_.dilation.height - window_.padding.top;
  const int64_t placed = (window_.output.height - 1) * window_.stride.height + 1;
  return {.channels = filters_per_group(),
          .filters = channels_per_group(),
          .input = {height, window_.input.width + (window_.window.width - 1) * window_.dilation.width},
          .output = window_.input,
          .window = window_.window,
          .stride = {1, 1},
          .dilation = window_.dilation,
          .zeros_above = top,
          .zeros_below = height - top - placed};
}

LayerNeeds Conv2d::needs_lanes(const LayerSetting& setting) const {
  const bool saves = runs_backward(setting.phase);
  const int64_t blocks = lane_blocks(setting.batch);
  const int64_t padded =
      pads() ? checked_multiply(blocks * input_shape().back(), image_floats(forward_shape().input)) : 0;
  const int64_t placed = checked_multiply(blocks * filters_, image_floats(input_gradient_shape().input));
  return {.kernel = "direct",
          .backward_reads_input = trainable() && !pads(),
          .backward_reads_output = activation_ != Activation::kLinear,
          .saved = saves ? padded : 0,
          .forward_scratch = saves ? 0 : padded,
          // The placed gradient, packed weights, and the gradient of the parameters on its way into the update.
          .backward_scratch = placed + round_up(weight_count(), kLanes) + weight_count() + filters_};
}

void Conv2d::prepare_lanes(Team& team, const float* weights, float* packed) const {
  const DirectShape shape = forward_shape();
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t group_weights = shape.filters * row_length();
  team.for_each(groups_ * tiles.count, [&](int64_t job, int) {
    const int64_t group = job / tiles.count;
    pack_filters(shape, job % tiles.count, weights + group * group_weights, packed + group * group_weights);
  });
}

void Conv2d::forward_lanes(const ForwardArguments& args, const float* packed, float* scratch) const {
  Team& team = args.pass.team;
  const DirectShape shape = forward_shape();
  const int64_t blocks = lane_blocks(args.pass.batch);
  const float* x = args.x;
  if (pads()) {
    float* const padded = runs_backward(args.pass.phase) ? args.saved : scratch;
    pad_input(team, blocks, args.x, padded);
    x = padded;
  }
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t group_weights = shape.filters * row_length();
  team.for_each(blocks * groups_ * tiles.count, [&](int64_t job, int) {
    const int64_t tile = job % tiles.count;
    const int64_t group = job / tiles.count % groups_;
    const int64_t block = job / tiles.count / groups_;
    const int64_t filter = group * shape.filters;
    const int64_t channel = block * input_shape().back() + group * shape.channels;
    float* y = args.y + (block * filters_ + filter) * image_floats(shape.output);
    // Relu costs nothing at the store; the others follow while the tile is in cache.
    const bool at_store = activation_ == Activation::kLinear || activation_ == Activation::kRelu;
    conv2d_direct_forward(shape, tile, x + channel * image_floats(shape.input), packed + group * group_weights,
                          has_bias_ ? args.parameters[1] + filter : nullptr,
                          at_store ? activation_ : Activation::kLinear, y);
    if (!at_store) {
      const int64_t plane = image_floats(shape.output);
      add_bias_and_activate(activation_, {tiles.size(tile), plane, plane}, nullptr, y + tiles.first(tile) * plane);
    }
  });
}

void Conv2d::pad_input(Team& team, int64_t blocks, const float* x, float* padded) const {
  const Extent2d target = forward_shape().input;
  const Tiling tiles = tile_rows(blocks * input_shape().back(), image_floats(target));
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t image = tiles.first(tile); image < tiles.first(tile) + tiles.size(tile); ++image) {
      place_image({window_.input.height, target.height, 1, window_.padding.top},
                  {window_.input.width, target.width, 1, window_.padding.left}, x + image * image_floats(window_.input),
                  padded + image * image_floats(target));
    }
  });
}

void Conv2d::backward_lanes(const BackwardArguments& args) const {
  const int64_t blocks = lane_blocks(args.pass.batch);
  const DirectShape turned = input_gradient_shape();
  const int64_t placed_floats = args.dx == nullptr ? 0 : blocks * filters_ * image_floats(turned.input);
  float* placed = args.scratch;
  float* packed = placed + placed_floats;
  mask_and_place_gradient(args, placed);
  if (args.dx != nullptr) input_gradient_lanes(args, placed, packed);
  if (!trainable()) return;

  // The gradient of the output: in its own buffer, or where it was placed.
  const DirectShape shape = forward_shape();
  WeightGradientOperands operands{};
  operands.x = pads() ? args.saved : args.x;
  operands.x_block = input_shape().back() * image_floats(shape.input);
  operands.blocks = blocks;
  if (args.dx == nullptr) {
    operands.dz = args.dy;
    operands.dz_channel = image_floats(shape.output);
    operands.dz_row = shape.output.width * kLanes;
    operands.dz_pixel = kLanes;
  } else {
    const int64_t top = (window_.window.height - 1) * window_.dilation.height - window_.padding.top;
    const int64_t left = (window_.window.width - 1) * window_.dilation.width - window_.padding.left;
    operands.dz = placed + (top * turned.input.width + left) * kLanes;
    operands.dz_channel = image_floats(turned.input);
    operands.dz_row = window_.stride.height * turned.input.width * kLanes;
    operands.dz_pixel = window_.stride.width * kLanes;
  }
  operands.dz_block = filters_ * operands.dz_channel;
  parameter_gradients_lanes(args, operands, packed + round_up(weight_count(), kLanes));
}

// dz = dy * activation'(y) in place; where the gradient of the input is wanted, also a copy for its convolution.
void Conv2d::mask_and_place_gradient(const BackwardArguments& args, float* placed) const {
  const Extent2d target = input_gradient_shape().input;
  const int64_t plane = image_floats(window_.output);
  const int64_t top = (window_.window.height - 1) * window_.dilation.height - window_.padding.top;
  const int64_t left = (window_.window.width - 1) * window_.dilation.width - window_.padding.left;
  const Tiling tiles = tile_rows(lane_blocks(args.pass.batch) * filters_, plane);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t image = tiles.first(tile); image < tiles.first(tile) + tiles.size(tile); ++image) {
      float* dz = args.dy + image * plane;
      activation_backward(activation_, {1, plane, plane}, args.y + image * plane, dz);
      if (args.dx == nullptr) continue;
      place_image({window_.output.height, target.height, window_.stride.height, top},
                  {window_.output.width, target.width, window_.stride.width, left}, dz,
                  placed + image * image_floats(target));
    }
  });
}

void Conv2d::input_gradient_lanes(const BackwardArguments& args, const float* placed, float* packed) const {
  Team& team = args.pass.team;
  const DirectShape shape = input_gradient_shape();
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t group_weights = filters_per_group() * row_length();
  team.for_each(groups_ * tiles.count, [&](int64_t job, int) {
    const int64_t group = job / tiles.count;
    pack_filters_turned(shape, job % tiles.count, args.parameters[0] + group * group_weights,
                        packed + group * group_weights);
  });
  team.for_each(lane_blocks(args.pass.batch) * groups_ * tiles.count, [&](int64_t job, int) {
    const int64_t group = job / tiles.count % groups_;
    const int64_t block = job / tiles.count / groups_;
    const int64_t filter = block * filters_ + group * shape.channels;
    const int64_t channel = block * input_shape().back() + group * shape.filters;
    conv2d_direct_forward(shape, job % tiles.count, placed + filter * image_floats(shape.input),
                          packed + group * group_weights, nullptr, Activation::kLinear,
                          args.dx + channel * image_floats(window_.input));
  });
}

void Conv2d::parameter_gradients_lanes(const BackwardArguments& args, const WeightGradientOperands& operands,
                                       float* scratch) const {
  Team& team = args.pass.team;
  const DirectShape shape = forward_shape();
  const int64_t jobs = direct_weight_gradient_tiles(shape).count();
  const int64_t group_weights = shape.filters * row_length();
  float* weight_gradient = args.gradients.target(0, 0, scratch);
  float* bias_gradient = has_bias_ ? args.gradients.target(1, 0, scratch + weight_count()) : nullptr;
  team.for_each(groups_ * jobs + (has_bias_ ? filters_ : 0), [&](int64_t job, int) {
    if (job >= groups_ * jobs) {
      const int64_t filter = job - groups_ * jobs;
      bias_gradient[filter] = conv2d_direct_bias_gradient(shape, filter, operands);
      return;
    }
    const int64_t group = job / jobs;
    WeightGradientOperands of_group = operands;
    of_group.x += group * shape.channels * image_floats(shape.input);
    of_group.dz += group * shape.filters * operands.dz_channel;
    conv2d_direct_weight_gradient(shape, job % jobs, of_group, weight_gradient + group * group_weights);
  });
  const Tiling ranges = tile_rows(weight_count(), 4);
  team.for_each(ranges.count + (has_bias_ ? 1 : 0), [&](int64_t range, int) {
    if (range == ranges.count) {
      args.gradients.complete(1, 0, filters_, bias_gradient);
    } else {
      args.gradients.complete(0, ranges.first(range), ranges.size(range), weight_gradient + ranges.first(range));
    }
  });
}

}  // namespace gradloom
