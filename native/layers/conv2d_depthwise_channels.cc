// Conv2d with a filter of its own for each channel, for a few samples: in rows, with channels in the lanes
// (kernels/conv2d_depthwise_channels.h). Nothing is copied: windows leave padding out.
#include <algorithm>

#include "kernels/conv2d_depthwise_channels.h"
#include "kernels/lanes.h"
#include "layers/conv2d.h"

namespace gradloom {

LayerNeeds Conv2d::needs_depthwise_channels() const {
  return {.kernel = "direct-depthwise-channels",
          .backward_reads_input = trainable(),
          .backward_reads_output = activation_ != Activation::kLinear,
          // Turned weights and the gradient of the parameters.
          .backward_scratch = 2 * round_up(weight_count(), kLanes) + filters_};
}

void Conv2d::forward_depthwise_channels(const ForwardArguments& args, const float* turned) const {
  const DepthwiseShape shape{window_, filters_};
  const bool at_store = activates_at_store();
  const int64_t y_image = window_.output_pixels() * filters_;
  const Tiling rows = depthwise_row_tiles(shape, DepthwisePass::kForward);
  args.pass.team.for_each(args.pass.batch * rows.count, [&](int64_t job, int) {
    const int64_t sample = job / rows.count;
    const int64_t tile = job % rows.count;
    const DepthwiseOutput output{has_bias_ ? args.parameters[1] : nullptr, at_store && activation_ == Activation::kRelu,
                                 args.y + sample * y_image};
    conv2d_depthwise_channels(shape, DepthwisePass::kForward, rows, tile,
                              args.x + sample * window_.input_pixels() * filters_, turned, output);
    if (at_store) return;
    add_bias_and_activate(activation_, {rows.size(tile) * window_.output.width, filters_, filters_}, nullptr,
                          output.to + rows.first(tile) * window_.output.width * filters_);
  });
}

void Conv2d::backward_depthwise_channels(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const DepthwiseShape shape{window_, filters_};
  const int64_t batch = args.pass.batch;
  mask_gradient_rows(args);
  float* const turned = args.scratch;
  if (args.dx != nullptr) {
    depthwise_turn_weights(shape, args.parameters[0], turned);
    const Tiling rows = depthwise_row_tiles(shape, DepthwisePass::kInputGradient);
    team.for_each(batch * rows.count, [&](int64_t job, int) {
      const int64_t sample = job / rows.count;
      conv2d_depthwise_channels(shape, DepthwisePass::kInputGradient, rows, job % rows.count,
                                args.dy + sample * window_.output_pixels() * filters_, turned,
                                {.to = args.dx + sample * window_.input_pixels() * filters_});
    });
  }
  if (!trainable()) return;
  float* const weights = args.gradients.target(0, 0, turned + round_up(weight_count(), kLanes));
  float* const biases =
      has_bias_ ? args.gradients.target(1, 0, turned + 2 * round_up(weight_count(), kLanes)) : nullptr;
  const Tiling channels = depthwise_gradient_channels(shape);
  const int64_t taps = window_.taps();
  team.for_each(channels.count * taps, [&](int64_t job, int) {
    const int64_t tile = job / taps;
    conv2d_depthwise_channels_weight_gradient(shape, batch, job % taps, tile, args.x, args.dy, weights);
    if (biases == nullptr || job % taps > 0) return;
    const int64_t first = channels.first(tile);
    std::fill_n(biases + first, channels.size(tile), 0.0F);
    add_column_sums({batch * window_.output_pixels(), channels.size(tile), filters_}, args.dy + first, biases + first);
  });
  args.gradients.complete(0, 0, weight_count(), weights);
  if (biases != nullptr) args.gradients.complete(1, 0, filters_, biases);
}

}  // namespace gradloom
