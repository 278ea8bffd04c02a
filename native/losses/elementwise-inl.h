// The loop of losses that compare each output with a value of its own, all in double, which the sum needs and which
// leaves one rounding to a gradient. Included once for every target.
#if defined(GRADLOOM_LOSSES_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_LOSSES_ELEMENTWISE_INL_H_
#undef GRADLOOM_LOSSES_ELEMENTWISE_INL_H_
#else
#define GRADLOOM_LOSSES_ELEMENTWISE_INL_H_
#endif

#include "common/highway-inl.h"
#include "losses/loss.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;

HWY_INLINE V constant(double value) { return hn::Set(D(), value); }

// Of some outputs: their values and dvalue/doutput.
struct LossTerms {
  V value;
  V slope;
};

// The sum of the values of `count` outputs. Their slopes times `scale` go to `gradient`, unless that is null.
template <class Terms>
HWY_INLINE double sum_terms(const Terms& terms, int64_t count, const float* outputs, const float* targets, double scale,
                            float* gradient) {
  const D d;
  const hn::Rebind<float, D> floats;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V by = constant(scale);
  V sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const LossTerms at =
        terms(hn::PromoteTo(d, hn::LoadU(floats, outputs + i)), hn::PromoteTo(d, hn::LoadU(floats, targets + i)));
    sum = hn::Add(sum, at.value);
    if (gradient != nullptr) hn::StoreU(hn::DemoteTo(floats, hn::Mul(at.slope, by)), floats, gradient + i);
  }
  if (i < count) {
    const auto rest = static_cast<size_t>(count - i);
    const LossTerms at = terms(hn::PromoteTo(d, load_first(floats, outputs + i, rest)),
                               hn::PromoteTo(d, load_first(floats, targets + i, rest)));
    sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, rest), at.value));
    if (gradient != nullptr) store_first(hn::DemoteTo(floats, hn::Mul(at.slope, by)), floats, gradient + i, rest);
  }
  return hn::ReduceSum(d, sum);
}

// Loss::compute for a sample's loss of (1 / C) * sum over its outputs of terms(output, target).value.
template <class Terms>
double sum_of_terms(const LossArguments& args, const Terms& terms) {
  const auto columns = static_cast<double>(args.columns);
  const double scale = args.scale / columns;
  if (args.targets.weights == nullptr) {
    return sum_terms(terms, args.rows * args.columns, args.outputs, args.targets.values, scale, args.gradient) /
           columns;
  }
  double total = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    const int64_t first = row * args.columns;
    const double weight = args.targets.weight(row);
    total += weight * sum_terms(terms, args.columns, args.outputs + first, args.targets.values + first, weight * scale,
                                args.gradient == nullptr ? nullptr : args.gradient + first);
  }
  return total / columns;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
