// ln(1 + t), of which softplus(x) = max(x, 0) + ln(1 + e^-|x|) is made. Included once for every target.
#if defined(GRADLOOM_SOFTPLUS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_SOFTPLUS_INL_H_
#undef GRADLOOM_SOFTPLUS_INL_H_
#else
#define GRADLOOM_SOFTPLUS_INL_H_
#endif

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// For t from 0 to 1: t times a polynomial in t, fitted to 3.3e-8 of its value; with rounding within 2.6 times 2^-24.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> log_of_one_plus(D d, hwy::HWY_NAMESPACE::Vec<D> t) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr float kCoefficients[] = {1.0F,       -0.49999648F, 0.33321324F,   -0.24857163F, 0.19153653F,
                                     -0.137538F, 0.0792045F,   -0.030065771F, 0.005364819F};
  auto sum = hn::Set(d, kCoefficients[8]);
  for (int power = 7; power >= 0; --power) sum = hn::MulAdd(sum, t, hn::Set(d, kCoefficients[power]));
  return hn::Mul(sum, t);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
