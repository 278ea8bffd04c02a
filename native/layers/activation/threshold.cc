#include "layers/activation/threshold.h"

#include <cmath>

#include "common/error.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

// Memory sets the pace, so the compiler's own vectors do. from[i] where x[i] is above the threshold or no number, else
// `other`.
void choose(float threshold, const float* x, const float* from, float other, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = x[i] <= threshold ? other : from[i];
}

}  // namespace

Threshold::Threshold(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      threshold_(static_cast<float>(spec.number("threshold"))),
      value_(static_cast<float>(spec.number("value"))) {
  if (!std::isfinite(threshold_) || !std::isfinite(value_)) {
    throw Error("INVALID_SPEC", label() + ": threshold and value must be finite in float32");
  }
}

LayerNeeds Threshold::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "simd", .backward_reads_input = true};
}

void Threshold::forward(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    choose(threshold_, args.x + first, args.x + first, value_, tiles.size(tile), args.y + first);
  });
}

void Threshold::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    choose(threshold_, args.x + first, args.dy + first, 0.0F, tiles.size(tile), args.dx + first);
  });
}

}  // namespace gradloom
