#include "training/step/step_gradients.h"

#include "kernels/tiling.h"

namespace gradloom {

void StepGradients::begin_batch(int64_t samples) {
  weight_ = static_cast<float>(samples);
  samples_ += samples;
  ++gathered_;
}

void StepGradients::add(int64_t count, const float* gradient, float* values, GradientPart part) const {
  const float weight = sums() ? weight_ : 1;
  if (gathered_ == 1 && part == GradientPart::kFirst) {
    for (int64_t i = 0; i < count; ++i) values[i] = weight * gradient[i];
  } else {
    for (int64_t i = 0; i < count; ++i) values[i] += weight * gradient[i];
  }
}

void StepGradients::finish(Team& team) {
  if (!sums()) return;
  const auto samples = static_cast<float>(samples_);
  const Tiling tiles = tile_rows(size(), 1);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    float* values = values_.data() + tiles.first(tile);
    for (int64_t i = 0; i < tiles.size(tile); ++i) values[i] /= samples;
  });
}

void StepGradients::clear() {
  gathered_ = 0;
  samples_ = 0;
  spoiled = false;
}

}  // namespace gradloom
