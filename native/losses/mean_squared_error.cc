#include "losses/mean_squared_error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/mean_squared_error.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "losses/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

double SquaredErrorSum(const LossArguments& args) {
  return sum_of_terms(args, [](V y, V t) HWY_ATTR {
    const V error = hn::Sub(y, t);
    return LossTerms{hn::Mul(error, error), hn::Add(error, error)};
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(SquaredErrorSum);

double MeanSquaredError::compute(const LossArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(SquaredErrorSum)(args);
}

}  // namespace gradloom
#endif  // HWY_ONCE
