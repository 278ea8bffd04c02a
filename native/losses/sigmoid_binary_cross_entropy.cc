#include "losses/sigmoid_binary_cross_entropy.h"

#include <algorithm>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/sigmoid_binary_cross_entropy.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// values[i] and slopes[i] of `count` logits against their targets; a yes of output i counts positive[i] times. In
// double precision: a loss near 0 is a difference of numbers near 1.
void Terms(const float* HWY_RESTRICT logits, const float* HWY_RESTRICT targets, const double* HWY_RESTRICT positive,
           int64_t count, double* HWY_RESTRICT values, double* HWY_RESTRICT slopes) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> floats;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto rest = static_cast<size_t>(std::min(lanes, count - i));
    const auto z = hn::PromoteTo(d, hn::LoadN(floats, logits + i, rest));
    const auto t = hn::PromoteTo(d, hn::LoadN(floats, targets + i, rest));
    const auto p = hn::LoadN(d, positive + i, rest);
    const auto weight = hn::MulAdd(hn::Sub(p, one), t, one);
    // Exp of NaN is 0 here and there.
    const auto e = hn::IfThenElse(hn::IsNaN(z), z, hn::Exp(d, hn::Neg(hn::Abs(z))));
    const auto sigmoid = hn::Div(hn::IfThenElse(hn::Ge(z, hn::Zero(d)), one, e), hn::Add(one, e));
    const auto rise = hn::Add(hn::Log1p(d, e), hn::Max(hn::Neg(z), hn::Zero(d)));
    hn::StoreN(hn::MulAdd(weight, rise, hn::Mul(hn::Sub(one, t), z)), d, values + i, rest);
    hn::StoreN(hn::Sub(hn::Mul(weight, sigmoid), hn::Mul(p, t)), d, slopes + i, rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace gradloom {

HWY_EXPORT(Terms);

double SigmoidBinaryCrossEntropy::compute(const LossArguments& args) const {
  constexpr int64_t kChunk = 64;
  double positive[kChunk];
  double values[kChunk];
  double slopes[kChunk];
  const bool shared = positive_weight_.size() == 1;
  if (shared) std::ranges::fill(positive, positive_weight_[0]);
  const int64_t total = args.rows * args.columns;
  int64_t next = 0;
  return sum_of_terms(args, [&](double /*z*/, double /*t*/, int64_t column) {
    const int64_t at = next % kChunk;
    if (at == 0) {
      const int64_t count = std::min(kChunk, total - next);
      for (int64_t i = 0; !shared && i < count; ++i) {
        positive[i] = positive_weight_[static_cast<size_t>((column + i) % args.columns)];
      }
      HWY_DYNAMIC_DISPATCH(Terms)(args.outputs + next, args.targets.values + next, positive, count, values, slopes);
    }
    ++next;
    return LossTerm{values[at], slopes[at]};
  });
}

void SigmoidBinaryCrossEntropy::check_outputs(const Shape& output_shape) const {
  const auto count = static_cast<int64_t>(positive_weight_.size());
  if (count != 1 && count != output_shape.size()) {
    throw Error("SHAPE_MISMATCH", kind() + ": positiveWeight has " + std::to_string(count) +
                                      " entries, expected one, or one for each of the " +
                                      std::to_string(output_shape.size()) + " outputs");
  }
}

}  // namespace gradloom

#endif  // HWY_ONCE
