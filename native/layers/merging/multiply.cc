#include "layers/merging/multiply.h"

#include "common/error.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"

namespace gradloom {

Multiply::Multiply(const Spec& spec, std::span<const Shape> input_shapes)
    : Layer(spec, input_shapes[0], {input_shapes.begin() + 1, input_shapes.end()}) {
  for (const Shape& shape : other_input_shapes()) {
    if (shape == input_shape()) continue;
    throw Error("SHAPE_MISMATCH", label() + ": the inputs of a product must have one shape, got " +
                                      input_shape().to_string() + " and " + shape.to_string());
  }
}

LayerNeeds Multiply::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "vector", .backward_reads_input = true};
}

void Multiply::forward(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const float* so_far = args.x;
    for (const float* other : args.others) {
      multiply(so_far + first, other + first, tiles.size(tile), args.y + first);
      so_far = args.y;
    }
  });
}

void Multiply::backward(const BackwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const int64_t count = tiles.size(tile);
    for (size_t k = 0; k <= args.others.size(); ++k) {
      float* gradient = k == 0 ? args.dx : args.other_gradients[k - 1];
      if (gradient == nullptr) continue;
      const float* so_far = args.dy;
      for (size_t j = 0; j <= args.others.size(); ++j) {
        if (j == k) continue;
        const float* x = j == 0 ? args.x : args.others[j - 1];
        multiply(so_far + first, x + first, count, gradient + first);
        so_far = gradient;
      }
    }
  });
}

}  // namespace gradloom
