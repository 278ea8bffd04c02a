#include "optimizers/adagrad_norm.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "kernels/tiling.h"

namespace gradloom {

AdagradNorm::AdagradNorm(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.initial_norm = spec.number("initialNorm"), .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> AdagradNorm::states(const Shape& /*parameter*/) const {
  return {{"accumulator", static_cast<float>(rule_.initial_norm * rule_.initial_norm), Shape{1}}};
}

GradientCheck AdagradNorm::update(const UpdateArguments& args) const {
  constexpr int64_t kPieces = 64;
  const float sign = rule_.maximize ? -1.0F : 1.0F;
  const Tiling tiles = cut(args.count, std::min(kPieces, tile_rows(args.count, 1).count));
  std::array<double, kPieces> sums{};
  args.team->for_each(tiles.count, [&](int64_t tile, int) {
    double sum = 0;
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const double g = sign * args.gradient[i] + args.weight_decay * args.weight[i];
      sum += g * g;
    }
    sums.at(static_cast<size_t>(tile)) = sum;
  });
  double squares = args.states[0][0];
  for (const double sum : sums) squares += sum;
  args.states[0][0] = static_cast<float>(squares);
  const auto rate = static_cast<float>(args.learning_rate / std::sqrt(squares));
  std::atomic<bool> finite{true};
  args.team->for_each(tiles.count, [&](int64_t tile, int) {
    bool all = true;
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      const float g = sign * args.gradient[i] + args.weight_decay * args.weight[i];
      args.weight[i] -= rate * g;
      all &= std::isfinite(args.weight[i]);
    }
    if (!all) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

void AdagradNorm::effective_rates(const UpdateArguments& args, float* rates) const {
  std::fill_n(rates, args.count, static_cast<float>(args.learning_rate / std::sqrt(args.states[0][0])));
}

}  // namespace gradloom
