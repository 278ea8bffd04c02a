#include "layers/activation/activation.h"

#include <cstring>

#include "common/error.h"
#include "kernels/tiling.h"

namespace gradloom {

ActivationLayer::ActivationLayer(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape), activation_(parse_activation(kind())) {
  // The derivative comes from the sign of the output, which is the input's only for these.
  if (activation_.kind == Activation::kLeakyRelu) {
    activation_.parameter = static_cast<float>(spec.number("slope"));
    if (!(activation_.parameter >= 0)) throw Error("INVALID_SPEC", label() + ": slope must be at least 0");
  } else if (activation_.kind == Activation::kElu) {
    activation_.parameter = static_cast<float>(spec.number("alpha"));
    if (!(activation_.parameter > 0)) throw Error("INVALID_SPEC", label() + ": alpha must be above 0");
  }
}

LayerNeeds ActivationLayer::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "simd", .backward_reads_output = true};
}

// Elementwise ones do not care what a row is; short rows would only cost calls.
RowBlock ActivationLayer::rows_of(const Pass& pass, Layout layout) const {
  const int64_t size = floats_of(output_shape(), layout, pass.batch);
  const int64_t columns = activation_.spans_row() ? output_shape().back() : output_shape().size();
  return {size / columns, columns, columns};
}

void ActivationLayer::forward(const ForwardArguments& args) const {
  const auto [all_rows, columns, stride] = rows_of(args.pass, args.layout);
  const Tiling tiles = tile_rows(all_rows, columns);
  args.pass.team.for_each(tiles.count, [&, row_size = columns](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * row_size;
    const int64_t rows = tiles.size(tile);
    std::memcpy(args.y + first, args.x + first, static_cast<size_t>(rows * row_size) * sizeof(float));
    add_bias_and_activate(activation_, {rows, row_size, row_size}, nullptr, args.y + first);
  });
}

void ActivationLayer::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const auto [all_rows, columns, stride] = rows_of(args.pass, args.layout);
  const Tiling tiles = tile_rows(all_rows, columns);
  args.pass.team.for_each(tiles.count, [&, row_size = columns](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * row_size;
    const int64_t rows = tiles.size(tile);
    std::memcpy(args.dx + first, args.dy + first, static_cast<size_t>(rows * row_size) * sizeof(float));
    activation_backward(activation_, {rows, row_size, row_size}, args.y + first, args.dx + first);
  });
}

}  // namespace gradloom
