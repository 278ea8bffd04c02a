#include "optimizers/adagrad_norm.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "kernels/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adagrad_norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

struct NormStep {
  V rate, sign, decay;

  HWY_INLINE V decayed(V gradient, V w) const { return hn::Add(hn::Xor(gradient, sign), hn::Mul(decay, w)); }
  HWY_INLINE void apply(V gradient, V& w, V* /*states*/) const { w = hn::Sub(w, hn::Mul(rate, decayed(gradient, w))); }
};

NormStep step_of(const AdagradNormRule& rule, float rate, float decay) {
  return {broadcast(rate), sign_of(rule.maximize), broadcast(decay)};
}

// Eight sums side by side, so that the width of a vector does not matter.
double SumOfSquares(const AdagradNormRule& rule, const float* HWY_RESTRICT gradient, const float* HWY_RESTRICT weight,
                    float decay, int64_t count) {
  constexpr int64_t kSums = 8;
  using Floats = hn::CappedTag<float, kSums>;
  const Floats d;
  const hn::Half<Floats> half;
  const hn::Repartition<double, Floats> wide;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto sign_flip = hn::Set(d, rule.maximize ? -0.0F : 0.0F);
  const auto coupled = hn::Set(d, decay);
  HWY_ALIGN double sums[kSums];
  for (int64_t k = 0; k < kSums; k += lanes) {
    auto low = hn::Zero(wide);
    auto high = hn::Zero(wide);
    const auto add = [&](auto g, auto w) HWY_ATTR {
      const auto r = hn::Add(hn::Xor(g, sign_flip), hn::Mul(coupled, w));
      const auto r_low = hn::PromoteTo(wide, hn::LowerHalf(half, r));
      const auto r_high = hn::PromoteTo(wide, hn::UpperHalf(half, r));
      low = hn::Add(low, hn::Mul(r_low, r_low));
      high = hn::Add(high, hn::Mul(r_high, r_high));
    };
    int64_t i = k;
    for (; i + lanes <= count; i += kSums) add(hn::LoadU(d, gradient + i), hn::LoadU(d, weight + i));
    if (i < count) {
      const auto rest = static_cast<size_t>(count - i);
      add(load_first(d, gradient + i, rest), load_first(d, weight + i, rest));
    }
    hn::Store(low, wide, sums + k);
    hn::Store(high, wide, sums + k + lanes / 2);
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

GradientCheck NormUpdate(const AdagradNormRule& rule, float rate, const UpdateArguments& args) {
  return update_elements<0>(step_of(rule, rate, args.weight_decay), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(SumOfSquares);
HWY_EXPORT(NormUpdate);

AdagradNorm::AdagradNorm(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.initial_norm = spec.number("initialNorm"), .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> AdagradNorm::states(const Shape& /*parameter*/) const {
  return {{"accumulator", static_cast<float>(rule_.initial_norm * rule_.initial_norm), Shape{1}}};
}

GradientCheck AdagradNorm::update(const UpdateArguments& args) const {
  constexpr int64_t kPieces = 64;
  const Tiling tiles = cut(args.count, std::min(kPieces, tile_rows(args.count, 1).count));
  std::array<double, kPieces> sums{};
  args.team->for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    sums.at(static_cast<size_t>(tile)) = HWY_DYNAMIC_DISPATCH(SumOfSquares)(
        rule_, args.gradient + first, args.weight + first, args.weight_decay, tiles.size(tile));
  });
  double squares = args.states[0][0];
  for (const double sum : sums) squares += sum;
  args.states[0][0] = static_cast<float>(squares);
  const auto rate = static_cast<float>(args.learning_rate / std::sqrt(squares));
  std::atomic<bool> finite{true};
  args.team->for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    UpdateArguments piece = args;
    piece.count = tiles.size(tile);
    piece.weight += first;
    piece.gradient += first;
    const GradientCheck check = HWY_DYNAMIC_DISPATCH(NormUpdate)(rule_, rate, piece);
    if (check == GradientCheck::kNotFinite) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

void AdagradNorm::effective_rates(const UpdateArguments& args, float* rates) const {
  std::fill_n(rates, args.count, static_cast<float>(args.learning_rate / std::sqrt(args.states[0][0])));
}

}  // namespace gradloom
#endif  // HWY_ONCE
