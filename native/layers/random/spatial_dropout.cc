#include "layers/random/spatial_dropout.h"

#include <cmath>

#include "common/error.h"
#include "common/random.h"
#include "kernels/layout/lanes.h"
#include "kernels/normalization/batch_norm.h"
#include "kernels/tiling.h"

namespace gradloom {

SpatialDropout::SpatialDropout(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
  const double rate = spec.number("rate");
  if (!(rate >= 0 && rate < 1)) throw Error("INVALID_SPEC", label() + ": rate must be in [0, 1)");
  if (input_shape.rank() < 2) {
    throw Error("SHAPE_MISMATCH", label() + " takes samples of positions and channels, such as [height, width, " +
                                      "channels], got " + input_shape.to_string());
  }
  scale_ = static_cast<float>(1 / (1 - rate));
  threshold_ = static_cast<uint64_t>(std::llround(rate * 0x1p32));
}

// One factor for each channel of each sample, drawn anew in backward.
LayerNeeds SpatialDropout::needs(const LayerSetting& setting) const {
  const bool training = setting.phase == Phase::kTraining;
  const int64_t factors = training ? floats_of({input_shape().back()}, setting.layout, setting.batch) : 0;
  return {.kernel = "philox", .aliases_input = !training, .forward_scratch = factors, .backward_scratch = factors};
}

void SpatialDropout::forward(const ForwardArguments& args) const {
  if (args.pass.phase == Phase::kTraining) apply(args.pass, args.layout, args.x, args.y, args.scratch);
}

void SpatialDropout::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr || args.pass.phase != Phase::kTraining) return;
  apply(args.pass, args.layout, args.dy, args.dx, args.scratch);
}

// As [N][C], or [ceil(N / 16)][C][16] with zeros beyond N.
void SpatialDropout::draw_factors(const Pass& pass, Layout layout, float* factors) const {
  const RandomStream random(pass.seed, RandomPurpose::kDropout, random_stream(), pass.step);
  const int64_t channels = input_shape().back();
  const int64_t samples = layout == Layout::kLanes ? lane_blocks(pass.batch) * kLanes : pass.batch;
  PhiloxBlock words{};
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      const auto index = static_cast<uint64_t>(n * channels + c);
      if (index % 4 == 0) words = random.block(index / 4);
      const bool kept = n < pass.batch && words[index % 4] >= threshold_;
      const int64_t at =
          layout == Layout::kLanes ? (n / kLanes * channels + c) * kLanes + n % kLanes : n * channels + c;
      factors[at] = kept ? scale_ : 0.0F;
    }
  }
}

void SpatialDropout::apply(const Pass& pass, Layout layout, const float* in, float* out, float* factors) const {
  draw_factors(pass, layout, factors);
  const bool lanes = layout == Layout::kLanes;
  const int64_t channels = input_shape().back();
  const int64_t positions = input_shape().size() / channels;
  // A plane has one row of factors for all of its positions.
  const int64_t planes = lanes ? lane_blocks(pass.batch) * channels : pass.batch;
  const int64_t inner = lanes ? kLanes : channels;
  const Tiling tiles = tile_rows(planes, positions * inner);
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t plane = tiles.first(tile); plane < tiles.first(tile) + tiles.size(tile); ++plane) {
      const int64_t first = plane * positions * inner;
      scale_channels({positions, inner, inner}, factors + plane * inner, in + first, out + first);
    }
  });
}

}  // namespace gradloom
