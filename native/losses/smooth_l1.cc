#include "losses/smooth_l1.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/smooth_l1.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "losses/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

double SmoothL1Sum(const LossArguments& args, double beta) {
  return sum_of_terms(args, [beta = constant(beta), half = constant(beta / 2)](V y, V t) {
    const V error = hn::Sub(y, t);
    const V size = hn::Abs(error);
    const auto beyond = hn::Ge(size, beta);  // not where it is NaN, which stays
    return LossTerms{hn::IfThenElse(beyond, hn::Sub(size, half), hn::Div(hn::Mul(error, error), hn::Add(beta, beta))),
                     hn::IfThenElse(beyond, hn::CopySign(constant(1), error), hn::Div(error, beta))};
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(SmoothL1Sum);

double SmoothL1::compute(const LossArguments& args) const { return HWY_DYNAMIC_DISPATCH(SmoothL1Sum)(args, beta_); }

}  // namespace gradloom
#endif  // HWY_ONCE
