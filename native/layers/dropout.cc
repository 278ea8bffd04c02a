#include "layers/dropout.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/random.h"
#include "kernels/tiling.h"

namespace gradloom {
Dropout::Dropout(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
  const double rate = spec.number("rate");
  if (!(rate >= 0 && rate < 1)) throw Error("INVALID_SPEC", label() + ": rate must be in [0, 1)");
  scale_ = static_cast<float>(1 / (1 - rate));
  threshold_ = static_cast<uint64_t>(std::llround(rate * 0x1p32));
}

LayerNeeds Dropout::needs(const LayerSetting& setting) const {
  return {.kernel = "philox", .aliases_input = setting.phase != Phase::kTraining};
}

void Dropout::forward(const ForwardArguments& args) const {
  if (args.pass.phase == Phase::kTraining) apply(args.pass, args.layout, args.x, args.y);
}

void Dropout::backward(const BackwardArguments& args) const {
  if (args.dx != nullptr && args.pass.phase == Phase::kTraining) apply(args.pass, args.layout, args.dy, args.dx);
}

void Dropout::apply(const Pass& pass, Layout layout, const float* in, float* out) const {
  const RandomStream random(pass.seed, RandomPurpose::kDropout, random_stream(), pass.step);
  const int64_t size = floats_of(output_shape(), layout, pass.batch);
  const Tiling tiles = cut(size, ceil_divide(size, 8192), 4);
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t end = tiles.first(tile) + tiles.size(tile);
    for (int64_t i = tiles.first(tile); i < end; i += 4) {
      const PhiloxBlock words = random.block(static_cast<uint64_t>(i / 4));
      for (int64_t j = i; j < std::min(i + 4, end); ++j) {
        out[j] = words[static_cast<size_t>(j - i)] < threshold_ ? 0.0F : in[j] * scale_;
      }
    }
  });
}

}  // namespace gradloom
