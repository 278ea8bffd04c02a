#include "layers/conv2d/pointwise.h"

#include <algorithm>

#include "kernels/conv2d/direct/weight_gradient.h"

namespace gradloom {

bool Conv2dPointwise::fits(const Conv2dDefinition& conv) {
  constexpr int64_t kFewest = 8;
  return conv.window.pointwise() && std::min(conv.channels_per_group(), conv.filters_per_group()) >= kFewest;
}

LayerNeeds Conv2dPointwise::needs(const LayerSetting& setting) const {
  const int64_t pieces = gradient_jobs(lane_blocks(setting.batch)).pieces.count;
  return {.kernel = "direct-pointwise",
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .backward_scratch =
              PieceGradients::floats(conv_, pieces) + setting.threads * pointwise_gradient_scratch(shape())};
}

PointwiseShape Conv2dPointwise::shape(int64_t lanes) const {
  return {conv_.channels_per_group(), conv_.filters_per_group(), conv_.window.input_pixels(), lanes};
}

// Calls visit(shape of the block's images, piece of pixels, group, how many groups of images of all blocks lie before
// it) in jobs.
template <class Visit>
void Conv2dPointwise::for_each_product(const Pass& pass, Visit visit) const {
  const int64_t pieces = pointwise_pieces(shape()).count;
  pass.team.for_each(lane_blocks(pass.batch) * conv_.groups * pieces, [&](int64_t job, int) {
    const int64_t before = job / pieces;
    visit(shape(lanes_in_use(pass.batch, before / conv_.groups)), job % pieces, before % conv_.groups, before);
  });
}

void Conv2dPointwise::forward(const ForwardArguments& args, const float* /*prepared*/, float* /*scratch*/) const {
  for_each_product(args.pass, [&](const PointwiseShape& shape, int64_t piece, int64_t group, int64_t before) {
    conv2d_pointwise_forward(shape, piece, args.x + before * shape.channels * plane(),
                             args.parameters[0] + group * shape.filters * shape.channels,
                             conv_.has_bias ? args.parameters[1] + group * shape.filters : nullptr, conv_.activation,
                             args.y + before * shape.filters * plane());
  });
}

void Conv2dPointwise::backward(const BackwardArguments& args) const {
  if (args.dx != nullptr) input_gradient(args);
  if (conv_.trainable) parameter_gradients(args);
}

// Each piece of dy meets the derivative of the activation where it is read, and is dz from then on.
void Conv2dPointwise::input_gradient(const BackwardArguments& args) const {
  const Tiling pieces = pointwise_pieces(shape());
  for_each_product(args.pass, [&](const PointwiseShape& shape, int64_t piece, int64_t group, int64_t before) {
    float* const dz = args.dy + before * shape.filters * plane();
    const int64_t first = pieces.first(piece) * kLanes;
    activation_backward(conv_.activation, {shape.filters, pieces.size(piece) * kLanes, plane()},
                        args.y + before * shape.filters * plane() + first, dz + first);
    conv2d_pointwise_input_gradient(shape, piece, dz, args.parameters[0] + group * shape.filters * shape.channels,
                                    args.dx + before * shape.channels * plane());
  });
}

// Filters are cut only where blocks are few, since every cut transposes the input once more.
Conv2dPointwise::GradientJobs Conv2dPointwise::gradient_jobs(int64_t blocks) const {
  constexpr int64_t kFewestJobs = 8;
  constexpr int64_t kFewestFilters = 64;
  const int64_t pieces = std::min(blocks, kFewestJobs);
  const int64_t most = ceil_divide(conv_.filters_per_group(), kFewestFilters);
  return {{conv_.filters_per_group(), std::clamp<int64_t>(kFewestJobs / pieces, 1, most)}, {blocks, pieces}};
}

// Of dy, which is dz where the gradient of the input was made.
void Conv2dPointwise::parameter_gradients(const BackwardArguments& args) const {
  const GradientJobs jobs = gradient_jobs(lane_blocks(args.pass.batch));
  const EvenTiling& filters = jobs.filters;
  const EvenTiling& pieces = jobs.pieces;
  const PieceGradients gradients(conv_, args.gradients, pieces.count, args.scratch);
  float* const of_threads = args.scratch + PieceGradients::floats(conv_, pieces.count);
  const int64_t of_thread = pointwise_gradient_scratch(shape());
  args.pass.team.for_each(conv_.groups * pieces.count * filters.count, [&](int64_t job, int thread) {
    const int64_t tile = job % filters.count;
    const int64_t piece = job / filters.count % pieces.count;
    const int64_t group = job / filters.count / pieces.count;
    const int64_t filter = group * conv_.filters_per_group() + filters.first(tile);
    float* const biases = gradients.biases(piece);
    for (int64_t block = pieces.first(piece); block < pieces.first(piece + 1); ++block) {
      const bool first = block == pieces.first(piece);
      const int64_t at = (block * conv_.filters + filter) * plane();
      for (int64_t k = 0; k < filters.size(tile); ++k) {
        float* const dz = args.dy + at + k * plane();
        if (args.dx == nullptr)
          activation_backward(conv_.activation, {1, plane(), plane()}, args.y + at + k * plane(), dz);
        if (biases == nullptr) continue;
        const float sum = conv2d_bias_gradient(1, plane(), plane(), dz);
        biases[filter + k] = first ? sum : biases[filter + k] + sum;
      }
      const PointwiseShape of_block = shape(lanes_in_use(args.pass.batch, block));
      conv2d_pointwise_weight_gradient(
          of_block, filters.size(tile), args.x + (block * conv_.groups + group) * of_block.channels * plane(),
          args.dy + at, first ? Accumulate::kOverwrite : Accumulate::kAdd, of_threads + thread * of_thread,
          gradients.weights(piece) + filter * of_block.channels);
    }
  });
  gradients.complete(args.pass.team, pieces.count);
}

}  // namespace gradloom
