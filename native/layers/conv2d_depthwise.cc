// Conv2d with a filter of its own for each channel, for images in lanes. There is little to compute for each float that
// comes from memory, so everything is done to a plane, 16 samples of a channel, while it is in a thread's caches:
// padded copies and placed gradients never leave them.
#include <algorithm>

#include "kernels/conv2d_direct.h"
#include "kernels/conv2d_direct_gradient.h"
#include "kernels/lanes.h"
#include "kernels/vectors.h"
#include "layers/conv2d.h"

namespace gradloom {

LayerNeeds Conv2d::needs_planes(const LayerSetting& setting) const {
  const int64_t padded = pads() ? image_floats(forward_shape(window_.output).input) : 0;
  const int64_t placed = setting.input_gradient ? image_floats(placed_gradient(window_.output).extent) : 0;
  const int64_t pieces = plane_pieces(lane_blocks(setting.batch)).count;
  return {.kernel = "direct-depthwise",
          .backward_reads_input = trainable(),
          .backward_reads_output = activation_ != Activation::kLinear,
          .forward_scratch = setting.threads * padded,
          // Packed weights, each thread's planes, and the gradient of the parameters.
          .backward_scratch = round_up(weight_count(), kLanes) + setting.threads * (padded + placed) +
                              round_up(pieces * (weight_count() + filters_), kLanes)};
}

// Of the blocks of a batch, whose gradients are added: some where channels are few jobs.
EvenTiling Conv2d::plane_pieces(int64_t blocks) const {
  constexpr int64_t kFewestJobs = 16;
  return {blocks, std::clamp<int64_t>(kFewestJobs / filters_, 1, blocks)};
}

void Conv2d::forward_planes(const ForwardArguments& args, const float* packed, float* scratch) const {
  const DirectShape whole = forward_shape(window_.output);
  const int64_t plane = image_floats(whole.output);
  const bool at_store = activates_at_store();
  args.pass.team.for_each(lane_blocks(args.pass.batch) * filters_, [&](int64_t image, int thread) {
    const int64_t channel = image % filters_;
    DirectShape shape = whole;
    shape.lanes = lanes_in_use(args.pass.batch, image / filters_);
    const float* x = args.x + image * image_floats(window_.input);
    if (pads()) {
      float* const padded = scratch + thread * image_floats(shape.input);
      pad_image(x, padded);
      x = padded;
    }
    float* const y = args.y + image * plane;
    conv2d_direct_forward(shape, 0, x, packed + channel * row_length(),
                          has_bias_ ? args.parameters[1] + channel : nullptr,
                          at_store ? activation_ : Activation::kLinear, whole_images(y, shape.output));
    if (!at_store) add_bias_and_activate(activation_, {1, plane, plane}, nullptr, y);
  });
}

void Conv2d::backward_planes(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const DirectShape shape = forward_shape(window_.output);
  const int64_t plane = image_floats(shape.output);
  const int64_t placed_floats = args.dx == nullptr ? 0 : image_floats(placed_gradient(shape.output).extent);
  const int64_t padded_floats = pads() ? image_floats(shape.input) : 0;
  const EvenTiling pieces = plane_pieces(lane_blocks(args.pass.batch));
  float* const packed = args.scratch;
  float* const planes = packed + round_up(weight_count(), kLanes);
  float* const weight_sums = planes + team.size() * (placed_floats + padded_floats);
  float* const bias_sums = weight_sums + pieces.count * weight_count();
  if (args.dx != nullptr) pack_phases(team, shape.output, args.parameters[0], packed);
  // The first piece's sums are where the gradient goes.
  float* const weights = trainable() ? args.gradients.target(0, 0, weight_sums) : nullptr;
  float* const biases = trainable() && has_bias_ ? args.gradients.target(1, 0, bias_sums) : nullptr;
  team.for_each(filters_ * pieces.count, [&](int64_t job, int thread) {
    const int64_t channel = job % filters_;
    const int64_t piece = job / filters_;
    float* const placed = planes + thread * (placed_floats + padded_floats);
    float* const padded = placed + placed_floats;
    float* const gradient = (piece == 0 ? weights : weight_sums + piece * weight_count()) + channel * row_length();
    double bias = 0;
    for (int64_t block = pieces.first(piece); block < pieces.first(piece + 1); ++block) {
      const int64_t image = block * filters_ + channel;
      const int64_t lanes = lanes_in_use(args.pass.batch, block);
      float* const dz = args.dy + image * plane;
      activation_backward(activation_, {1, plane, plane}, args.y + image * plane, dz);
      if (args.dx != nullptr) {
        place_gradient(shape.output, dz, placed);
        convolve_phases(shape.output, {channel, 0, 0, 1, lanes}, placed, packed,
                        args.dx + image * image_floats(window_.input));
      }
      if (!trainable()) continue;
      if (has_bias_) bias += conv2d_bias_gradient(1, plane, plane, dz);
      const float* x = args.x + image * image_floats(window_.input);
      if (pads()) {
        pad_image(x, padded);
        x = padded;
      }
      const WeightGradientOperands operands{x, 0, dz, 0, plane, shape.output.width * kLanes, kLanes, 1, lanes};
      const bool begins = block == pieces.first(piece);
      conv2d_direct_weight_gradient(shape, {0, 1, 0, 1}, operands, begins ? Accumulate::kOverwrite : Accumulate::kAdd,
                                    gradient);
    }
    if (biases != nullptr) (piece == 0 ? biases : bias_sums + piece * filters_)[channel] = static_cast<float>(bias);
  });
  if (!trainable()) return;
  for (int64_t piece = 1; piece < pieces.count; ++piece) {
    sum(weights, weight_sums + piece * weight_count(), weight_count(), weights);
    if (biases != nullptr) sum(biases, bias_sums + piece * filters_, filters_, biases);
  }
  args.gradients.complete(0, 0, weight_count(), weights);
  if (biases != nullptr) args.gradients.complete(1, 0, filters_, biases);
}

}  // namespace gradloom
