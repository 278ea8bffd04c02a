// e^x and ln(1 + t), of which activations and losses are made. Included once for every target.
#if defined(GRADLOOM_EXPONENTIAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_EXPONENTIAL_INL_H_
#undef GRADLOOM_EXPONENTIAL_INL_H_
#else
#define GRADLOOM_EXPONENTIAL_INL_H_
#endif

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// Where e^x is almost the largest number.
constexpr float kLargestExponent = 88.0F;

// With x = n ln 2 + r and |r| <= ln 2 / 2: e^r - 1, a polynomial of r, and n where a float has its exponent.
template <class D>
struct PowerParts {
  hwy::HWY_NAMESPACE::Vec<D> of_r;
  hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::RebindToSigned<D>> exponent;
};

template <class D>
HWY_INLINE PowerParts<D> power_parts(D d, hwy::HWY_NAMESPACE::Vec<D> x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> integers;
  // Beside 1.5 2^23 a float has no room for a fraction, and n is in its last bits.
  const auto rounder = hn::Set(d, 12582912.0F);
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504F), rounder);
  const auto n = hn::Sub(shifted, rounder);
  // ln 2 in two parts, of which the first has so few bits that its product with n is exact.
  const auto r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x));
  constexpr float kCoefficients[] = {0.49999994F, 0.16666521F, 0.04166839F, 0.008368745F, 0.0013814539F};
  auto sum = hn::Set(d, kCoefficients[4]);
  for (int power = 3; power >= 0; --power) sum = hn::MulAdd(sum, r, hn::Set(d, kCoefficients[power]));
  return {hn::MulAdd(sum, hn::Mul(r, r), r), hn::ShiftLeft<23>(hn::BitCast(integers, shifted))};
}

// e^x for x up to kLargestExponent, within 1.4 times 2^-24 of its value, and 0 for NaN and below -87.3.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> exponential(D d, hwy::HWY_NAMESPACE::Vec<D> x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> integers;
  const auto [of_r, exponent] = power_parts(d, x);
  const auto power = hn::Add(hn::BitCast(integers, hn::Add(of_r, hn::Set(d, 1.0F))), exponent);
  return hn::IfThenElseZero(hn::Ge(x, hn::Set(d, -87.3F)), hn::BitCast(d, power));
}

// e^x - 1 for x from -87 to 0, within 1.6 times 2^-24 of its value.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> exponential_minus_one(D d, hwy::HWY_NAMESPACE::Vec<D> x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> integers;
  const auto one = hn::Set(d, 1.0F);
  const auto [of_r, exponent] = power_parts(d, x);
  const auto scale = hn::BitCast(d, hn::Add(hn::BitCast(integers, one), exponent));
  return hn::MulAdd(of_r, scale, hn::Sub(scale, one));
}

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
