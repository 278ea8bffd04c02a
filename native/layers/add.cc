#include "layers/add.h"

#include <algorithm>

#include "common/error.h"
#include "kernels/tiling.h"
#include "kernels/vectors.h"

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

LayerNeeds Add::needs(const LayerSetting& /*setting*/) const { return {.kernel = "vector", .passes_gradient = true}; }

void Add::forward(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const float* so_far = args.x;
    for (const float* other : args.others) {
      sum(so_far + first, other + first, tiles.size(tile), args.y + first);
      so_far = args.y;
    }
  });
}

void Add::backward(const BackwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (float* gradient : args.other_gradients) {
      if (gradient == nullptr) continue;
      std::copy_n(args.dy + tiles.first(tile), tiles.size(tile), gradient + tiles.first(tile));
    }
  });
}

}  // namespace gradloom
