#include "losses/huber.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/huber.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "losses/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

double HuberSum(const LossArguments& args, double delta) {
  return sum_of_terms(args, [delta = constant(delta), half = constant(delta / 2)](V y, V t) {
    const V error = hn::Sub(y, t);
    const V size = hn::Abs(error);
    const auto beyond = hn::Gt(size, delta);  // not where it is NaN, which stays
    return LossTerms{
        hn::IfThenElse(beyond, hn::Mul(delta, hn::Sub(size, half)), hn::Mul(constant(0.5), hn::Mul(error, error))),
        hn::IfThenElse(beyond, hn::CopySign(delta, error), error)};
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(HuberSum);

double Huber::compute(const LossArguments& args) const { return HWY_DYNAMIC_DISPATCH(HuberSum)(args, delta_); }

}  // namespace gradloom
#endif  // HWY_ONCE
