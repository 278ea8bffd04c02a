#include "layers/activation.h"

#include <cstring>

#include "kernels/tiling.h"

namespace gradloom {

ActivationLayer::ActivationLayer(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape), activation_(parse_activation(kind())) {}

LayerNeeds ActivationLayer::needs(int64_t /*batch*/, Phase /*phase*/, int /*threads*/) const {
  return {.kernel = "simd", .backward_reads_output = true};
}

void ActivationLayer::forward(const ForwardArguments& args) const {
  const int64_t columns = output_shape().back();
  const Tiling tiles = tile_rows(args.pass.batch * (output_shape().size() / columns), columns);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * columns;
    const int64_t rows = tiles.size(tile);
    std::memcpy(args.y + first, args.x + first, static_cast<size_t>(rows * columns) * sizeof(float));
    add_bias_and_activate(activation_, {rows, columns, columns}, nullptr, args.y + first);
  });
}

void ActivationLayer::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const int64_t columns = output_shape().back();
  const Tiling tiles = tile_rows(args.pass.batch * (output_shape().size() / columns), columns);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * columns;
    const int64_t rows = tiles.size(tile);
    std::memcpy(args.dx + first, args.dy + first, static_cast<size_t>(rows * columns) * sizeof(float));
    activation_backward(activation_, {rows, columns, columns}, args.y + first, args.dx + first);
  });
}

}  // namespace gradloom
