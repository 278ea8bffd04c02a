#include "layers/interactions/dot.h"

#include "common/error.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"

namespace gradloom {

Dot::Dot(const Spec& spec, std::span<const Shape> input_shapes)
    : Layer(spec, input_shapes[0], {input_shapes.begin() + 1, input_shapes.end()}) {
  if (other_input_shapes().size() != 1 || other_input_shapes()[0] != input_shape()) {
    std::string got = input_shape().to_string();
    for (const Shape& shape : other_input_shapes()) got += " and " + shape.to_string();
    throw Error("SHAPE_MISMATCH", label() + ": takes two inputs of one shape, got " + got);
  }
  std::vector<int64_t> dims;
  for (int axis = 0; axis + 1 < input_shape().rank(); ++axis) dims.push_back(input_shape()[axis]);
  set_output_shape(dims.empty() ? Shape{1} : Shape(dims));
}

LayerNeeds Dot::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "vector", .backward_reads_input = true};
}

void Dot::forward(const ForwardArguments& args) const {
  const int64_t width = input_shape().back();
  const Tiling tiles = tile_rows(args.pass.batch * output_shape().size(), width);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    dot_rows(args.x + first * width, args.others[0] + first * width, tiles.size(tile), width, args.y + first);
  });
}

void Dot::backward(const BackwardArguments& args) const {
  const int64_t width = input_shape().back();
  const Tiling tiles = tile_rows(args.pass.batch * output_shape().size(), width);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const int64_t at = first * width;
    const auto write = [&](const float* factor, float* gradient) {
      if (gradient != nullptr) scale_rows(args.dy + first, factor + at, tiles.size(tile), width, gradient + at);
    };
    write(args.others[0], args.dx);
    write(args.x, args.other_gradients[0]);
  });
}

}  // namespace gradloom
