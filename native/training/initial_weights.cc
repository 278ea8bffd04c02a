#include "training/initial_weights.h"

#include <algorithm>
#include <cmath>

#include "common/random.h"

namespace gradloom {
namespace {

void fill_uniform(float limit, const RandomStream& random, std::span<float> values) {
  for (size_t i = 0; i < values.size(); i += 4) {
    const PhiloxBlock words = random.block(i / 4);
    for (size_t j = i; j < std::min(i + 4, values.size()); ++j) {
      values[j] = (2.0F * uniform_unit(words[j - i]) - 1.0F) * limit;
    }
  }
}

}  // namespace

void initialize(const ParameterSpec& parameter, uint64_t seed, uint32_t stream, std::span<float> values) {
  const RandomStream random(seed, RandomPurpose::kInitialWeights, stream, 0);
  switch (parameter.initializer) {
    case Initializer::kZeros: std::fill(values.begin(), values.end(), 0.0F); break;
    case Initializer::kGlorotUniform: {
      const auto fans = static_cast<double>(parameter.fan_in + parameter.fan_out);
      fill_uniform(static_cast<float>(std::sqrt(6.0 / fans)), random, values);
      break;
    }
  }
}

}  // namespace gradloom
