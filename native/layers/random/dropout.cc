#include "layers/random/dropout.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/error.h"
#include "common/random.h"
#include "kernels/random/dropout.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

uint8_t* as_bits(float* memory) { return reinterpret_cast<uint8_t*>(memory); }
const uint8_t* as_bits(const float* memory) { return reinterpret_cast<const uint8_t*>(memory); }

Tiling stretches(int64_t size) { return cut(size, ceil_divide(size, 8192), kDropMultiple); }

}  // namespace

Dropout::Dropout(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
  const double rate = spec.number("rate");
  if (!(rate >= 0 && rate < 1)) throw Error("INVALID_SPEC", label() + ": rate must be in [0, 1)");
  scale_ = static_cast<float>(1 / (1 - rate));
  constexpr long long kMost = std::numeric_limits<uint32_t>::max();
  threshold_ = static_cast<uint32_t>(std::min(std::llround(rate * 0x1p32), kMost));
}

LayerNeeds Dropout::needs(const LayerSetting& setting) const {
  const bool training = setting.phase == Phase::kTraining;
  const int64_t size = floats_of(output_shape(), setting.layout, setting.batch);
  return {.kernel = "philox", .aliases_input = !training, .saved = training ? floats_of_drop_bits(size) : 0};
}

void Dropout::forward(const ForwardArguments& args) const {
  if (args.pass.phase != Phase::kTraining) return;
  const DropRule rule{{args.pass.seed, RandomPurpose::kDropout, random_stream(), args.pass.step}, threshold_, scale_};
  const Tiling tiles = stretches(floats_of(output_shape(), args.layout, args.pass.batch));
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    drop(rule, {first, tiles.size(tile)}, args.x + first, as_bits(args.saved) + first / 8, args.y + first);
  });
}

void Dropout::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr || args.pass.phase != Phase::kTraining) return;
  const Tiling tiles = stretches(floats_of(output_shape(), args.layout, args.pass.batch));
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    drop_again(scale_, tiles.size(tile), as_bits(args.saved) + first / 8, args.dy + first, args.dx + first);
  });
}

}  // namespace gradloom
