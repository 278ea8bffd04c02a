#include "layers/merging/concat.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/layout/lanes.h"
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
  return input_shape().rank() > 1 && axis_ == input_shape().rank() - 1 ? offered : Layout::kRows;
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

int64_t Concat::column_of(size_t input) const {
  if (axis_ != input_shape().rank() - 1) return -1;
  int64_t column = input == 0 ? 0 : input_shape().back();
  for (size_t k = 0; k + 1 < input; ++k) column += other_input_shapes()[k].back();
  return column;
}

// Floats of one input, and where they begin in it and in the output.
struct Concat::Stretch {
  int64_t of_input;
  int64_t of_output;
  int64_t length;
};

// Calls copy(input, stretch) for all stretches of those inputs that need(input, column of the output) says.
template <class Needs, class Copy>
void Concat::for_copies(Team& team, Layout layout, int64_t batch, Needs needs, Copy copy) const {
  const size_t inputs = other_input_shapes().size() + 1;
  const auto length_of = [&](size_t k) { return length(layout, k == 0 ? input_shape() : other_input_shapes()[k - 1]); };
  int64_t copied = 0;
  for (size_t k = 0, column = 0; k < inputs; column += static_cast<size_t>(length_of(k)), ++k) {
    if (needs(k, static_cast<int64_t>(column))) copied += length_of(k);
  }
  if (copied == 0) return;
  const int64_t width = length(layout, output_shape());
  const Tiling tiles = tile_rows(stretches(layout, batch), copied);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    int64_t column = 0;
    for (size_t k = 0; k < inputs; ++k) {
      const int64_t own = length_of(k);
      for (int64_t s = tiles.first(tile); needs(k, column) && s < tiles.first(tile) + tiles.size(tile); ++s) {
        copy(k, {s * own, s * width + column, own});
      }
      column += own;
    }
  });
}

void Concat::forward(const ForwardArguments& args) const {
  const auto input = [&](size_t k) { return k == 0 ? args.x : args.others[k - 1]; };
  for_copies(
      args.pass.team, args.layout, args.pass.batch,
      [&](size_t k, int64_t column) { return input(k) != args.y + column; },
      [&](size_t k, const Stretch& stretch) {
        std::copy_n(input(k) + stretch.of_input, stretch.length, args.y + stretch.of_output);
      });
}

void Concat::backward(const BackwardArguments& args) const {
  const auto gradient = [&](size_t k) { return k == 0 ? args.dx : args.other_gradients[k - 1]; };
  for_copies(
      args.pass.team, args.layout, args.pass.batch,
      [&](size_t k, int64_t column) { return gradient(k) != nullptr && gradient(k) != args.dy + column; },
      [&](size_t k, const Stretch& stretch) {
        std::copy_n(args.dy + stretch.of_output, stretch.length, gradient(k) + stretch.of_input);
      });
}

}  // namespace gradloom
