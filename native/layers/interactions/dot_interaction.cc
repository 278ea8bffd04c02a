#include "layers/interactions/dot_interaction.h"

#include "kernels/tiling.h"
#include "kernels/vectors/interactions.h"

namespace gradloom {

DotInteraction::DotInteraction(const Spec& spec, const Shape& input_shape) : FieldLayer(spec, input_shape) {
  set_output_shape({fields() * (fields() - 1) / 2});
}

LayerNeeds DotInteraction::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "vector", .backward_reads_input = true};
}

void DotInteraction::forward(const ForwardArguments& args) const {
  const int64_t in = input_shape().size();
  const int64_t out = output_shape().size();
  const Tiling tiles = tile_rows(args.pass.batch, out * width());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      pair_dots(args.x + n * in, fields(), width(), args.y + n * out);
    }
  });
}

void DotInteraction::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const int64_t in = input_shape().size();
  const int64_t out = output_shape().size();
  const Tiling tiles = tile_rows(args.pass.batch, out * width());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      pair_dots_backward(args.x + n * in, args.dy + n * out, fields(), width(), args.dx + n * in);
    }
  });
}

}  // namespace gradloom
