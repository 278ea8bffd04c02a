#include "losses/squared_hinge.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/squared_hinge.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "losses/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

double SquaredHingeSum(const LossArguments& args) {
  return sum_of_terms(args, [](V f, V t) HWY_ATTR {
    const V y = hn::IfThenElse(hn::Eq(t, hn::Zero(D())), constant(-1), t);
    const V margin = hn::Sub(constant(1), hn::Mul(y, f));
    const V nothing = hn::Mul(hn::Zero(D()), margin);  // NaN where the margin is not finite
    const auto costs = hn::Gt(margin, hn::Zero(D()));
    return LossTerms{hn::IfThenElse(costs, hn::Mul(margin, margin), nothing),
                     hn::IfThenElse(costs, hn::Mul(constant(-2), hn::Mul(y, margin)), nothing)};
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(SquaredHingeSum);

double SquaredHinge::compute(const LossArguments& args) const { return HWY_DYNAMIC_DISPATCH(SquaredHingeSum)(args); }

}  // namespace gradloom
#endif  // HWY_ONCE
