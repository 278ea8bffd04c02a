#include "losses/mean_absolute_error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/mean_absolute_error.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "losses/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

double AbsoluteErrorSum(const LossArguments& args) {
  return sum_of_terms(args, [](V y, V t) HWY_ATTR {
    const V error = hn::Sub(y, t);
    const auto differs = hn::Gt(hn::Abs(error), hn::Zero(D()));  // not where it is NaN, which stays
    return LossTerms{hn::Abs(error), hn::IfThenElse(differs, hn::CopySign(constant(1), error), error)};
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AbsoluteErrorSum);

double MeanAbsoluteErrorLoss::compute(const LossArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(AbsoluteErrorSum)(args);
}

}  // namespace gradloom
#endif  // HWY_ONCE
