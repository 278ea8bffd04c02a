#include "losses/poisson.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/poisson.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "losses/elementwise-inl.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

double PoissonSum(const LossArguments& args) {
  return sum_of_terms(args, [](V z, V t) HWY_ATTR {
    // Exp takes no more than 706, and NaN for nothing.
    const V rate = hn::IfThenElse(hn::Le(z, constant(700)), hn::Exp(D(), z), hn::Mul(z, constant(HUGE_VAL)));
    return LossTerms{hn::Sub(rate, hn::Mul(t, z)), hn::Sub(rate, t)};
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(PoissonSum);

double Poisson::compute(const LossArguments& args) const { return HWY_DYNAMIC_DISPATCH(PoissonSum)(args); }

}  // namespace gradloom
#endif  // HWY_ONCE
