#include "layers/gaussian_noise.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/random.h"
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

// Values 2 i and 2 i + 1 share a block of random words.
void GaussianNoise::forward(const ForwardArguments& args) const {
  if (args.pass.phase != Phase::kTraining) return;
  const RandomStream random(args.pass.seed, RandomPurpose::kNoise, random_stream(), args.pass.step);
  const int64_t size = floats_of(output_shape(), args.layout, args.pass.batch);
  const Tiling tiles = cut(size, ceil_divide(size, 2048), 2);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t end = tiles.first(tile) + tiles.size(tile);
    for (int64_t i = tiles.first(tile); i < end; i += 2) {
      const PhiloxBlock words = random.block(static_cast<uint64_t>(i / 2));
      for (int64_t j = i; j < std::min(i + 2, end); ++j) {
        const auto pair = static_cast<size_t>(2 * (j - i));
        args.y[j] = args.x[j] + static_cast<float>(standard_deviation_ * standard_normal(words[pair], words[pair + 1]));
      }
    }
  });
}

void GaussianNoise::backward(const BackwardArguments& /*args*/) const {}

}  // namespace gradloom
