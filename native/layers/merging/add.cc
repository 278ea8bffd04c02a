#include "layers/merging/add.h"

#include <algorithm>

#include "common/error.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"

namespace gradloom {

Add::Add(const Spec& spec, std::span<const Shape> input_shapes)
    : Layer(spec, input_shapes[0], {input_shapes.begin() + 1, input_shapes.end()}) {
  for (const Shape& shape : other_input_shapes()) {
    if (shape != input_shape()) {
      throw Error("SHAPE_MISMATCH", label() + ": the inputs of a sum must have one shape, got " +
                                        input_shape().to_string() + " and " + shape.to_string() +
                                        " (the paths of a residual block, which a shortcut can bring to one shape)");
    }
  }
}

Layout Add::layout(int64_t /*batch*/, Layout offered) const { return offered; }

std::unique_ptr<Layer> Add::activated(Activation activation) const {
  if (activation_ != Activation::kLinear) return nullptr;
  auto layer = std::make_unique<Add>(*this);
  layer->activation_ = activation;
  return layer;
}

// With an activation, too, the gradient of the first input lies where that of the output was.
LayerNeeds Add::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "vector", .backward_reads_output = activation_ != Activation::kLinear, .passes_gradient = true};
}

void Add::forward(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const float* so_far = args.x;
    for (const float* other : args.others) {
      sum(so_far + first, other + first, tiles.size(tile), args.y + first);
      so_far = args.y;
    }
    add_bias_and_activate(activation_, {1, tiles.size(tile), tiles.size(tile)}, nullptr, args.y + first);
  });
}

void Add::backward(const BackwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const int64_t count = tiles.size(tile);
    activation_backward(activation_, {1, count, count}, args.y + first, args.dy + first);
    for (float* gradient : args.other_gradients) {
      if (gradient != nullptr) std::copy_n(args.dy + first, count, gradient + first);
    }
  });
}

}  // namespace gradloom
