#include "layers/random/gaussian_noise.h"

#include <cmath>

#include "common/error.h"
#include "common/random.h"
#include "kernels/random/noise.h"
#include "kernels/tiling.h"

namespace gradloom {

GaussianNoise::GaussianNoise(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape), standard_deviation_(spec.number("standardDeviation")) {
  if (!(standard_deviation_ >= 0) || !std::isfinite(standard_deviation_)) {
    throw Error("INVALID_SPEC", label() + ": standardDeviation must be finite and at least 0");
  }
}

LayerNeeds GaussianNoise::needs(const LayerSetting& setting) const {
  return {.kernel = "philox", .aliases_input = setting.phase != Phase::kTraining, .passes_gradient = true};
}

void GaussianNoise::forward(const ForwardArguments& args) const {
  if (args.pass.phase != Phase::kTraining) return;
  const NoiseRule rule{{args.pass.seed, RandomPurpose::kNoise, random_stream(), args.pass.step}, standard_deviation_};
  const int64_t size = floats_of(output_shape(), args.layout, args.pass.batch);
  const Tiling tiles = cut(size, ceil_divide(size, 2048), 64);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    add_noise(rule, {first, tiles.size(tile)}, args.x + first, args.y + first);
  });
}

void GaussianNoise::backward(const BackwardArguments& /*args*/) const {}

}  // namespace gradloom
