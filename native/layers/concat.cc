#include "layers/concat.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

Concat::Concat(const Spec& spec, std::span<const Shape> input_shapes)
    : Layer(spec, input_shapes[0], {input_shapes.begin() + 1, input_shapes.end()}) {
  const int rank = input_shape().rank();
  const int64_t axis = spec.integer("axis", -1);
  if (axis >= rank) {
    throw Error("SHAPE_MISMATCH", label() + ": samples of shape " + input_shape().to_string() + " have no axis " +
                                      std::to_string(axis) + "; axes are 0 to " + std::to_string(rank - 1));
  }
  axis_ = axis < 0 ? rank - 1 : static_cast<int>(axis);
  std::vector<int64_t> dims;
  for (int i = 0; i < rank; ++i) dims.push_back(input_shape()[i]);
  for (const Shape& shape : other_input_shapes()) {
    bool fits = shape.rank() == rank;
    for (int i = 0; fits && i < rank; ++i) fits = i == axis_ || shape[i] == input_shape()[i];
    if (!fits) {
      throw Error("SHAPE_MISMATCH", label() + ": inputs may differ along axis " + std::to_string(axis_) +
                                        " alone, got " + input_shape().to_string() + " and " + shape.to_string());
    }
    dims[static_cast<size_t>(axis_)] += shape[axis_];
  }
  set_output_shape(Shape(dims));
}

Layout Concat::layout(int64_t /*batch*/, Layout offered) const {
  return axis_ == input_shape().rank() - 1 ? offered : Layout::kRows;
}

LayerNeeds Concat::needs(const LayerSetting& /*setting*/) const { return {.kernel = "copy"}; }

int64_t Concat::stretches(Layout layout, int64_t batch) const {
  if (layout == Layout::kLanes) return lane_blocks(batch);
  int64_t count = batch;
  for (int i = 0; i < axis_; ++i) count *= input_shape()[i];
  return count;
}

int64_t Concat::length(Layout layout, const Shape& shape) const {
  if (layout == Layout::kLanes) return shape.size() * kLanes;
  int64_t floats = 1;
  for (int i = axis_; i < shape.rank(); ++i) floats *= shape[i];
  return floats;
}

void Concat::forward(const ForwardArguments& args) const {
  const int64_t width = length(args.layout, output_shape());
  const Tiling tiles = tile_rows(stretches(args.layout, args.pass.batch), width);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t s = tiles.first(tile); s < tiles.first(tile) + tiles.size(tile); ++s) {
      float* y = args.y + s * width;
      const int64_t own = length(args.layout, input_shape());
      y = std::copy_n(args.x + s * own, own, y);
      for (size_t k = 0; k < args.others.size(); ++k) {
        const int64_t other = length(args.layout, other_input_shapes()[k]);
        y = std::copy_n(args.others[k] + s * other, other, y);
      }
    }
  });
}

void Concat::backward(const BackwardArguments& args) const {
  const int64_t width = length(args.layout, output_shape());
  const Tiling tiles = tile_rows(stretches(args.layout, args.pass.batch), width);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t s = tiles.first(tile); s < tiles.first(tile) + tiles.size(tile); ++s) {
      const float* dy = args.dy + s * width;
      const int64_t own = length(args.layout, input_shape());
      if (args.dx != nullptr) std::copy_n(dy, own, args.dx + s * own);
      dy += own;
      for (size_t k = 0; k < args.other_gradients.size(); ++k) {
        const int64_t other = length(args.layout, other_input_shapes()[k]);
        if (args.other_gradients[k] != nullptr) std::copy_n(dy, other, args.other_gradients[k] + s * other);
        dy += other;
      }
    }
  });
}

}  // namespace gradloom
