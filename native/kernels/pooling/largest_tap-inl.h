// The largest of the values of a window and which tap it came from, lane by lane, by the rules of
// kernels/pooling/max_pool.h; and its gradient. Included once for every target.
#if defined(GRADLOOM_LARGEST_TAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_LARGEST_TAP_INL_H_
#undef GRADLOOM_LARGEST_TAP_INL_H_
#else
#define GRADLOOM_LARGEST_TAP_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"
#include "kernels/pooling/max_pool_lanes.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
class LargestTap {
  using Integers = hn::RebindToSigned<D>;

 public:
  HWY_INLINE LargestTap(int32_t tap, hn::Vec<D> value) : value_(value), tap_(hn::Set(Integers(), tap)) {}

  // The value of the next tap. Of equal ones the first wins, of NaN the last.
  HWY_INLINE void meet(int32_t tap, hn::Vec<D> value) {
    const auto wins = hn::Or(hn::Gt(value, value_), hn::IsNaN(value));
    value_ = hn::IfThenElse(wins, value, value_);
    tap_ = hn::IfThenElse(hn::RebindMask(Integers(), wins), hn::Set(Integers(), tap), tap_);
  }

  // Of four taps with values that are no NaN.
  static HWY_INLINE LargestTap of_numbers(hn::Vec<D> first, hn::Vec<D> second, hn::Vec<D> third, hn::Vec<D> fourth) {
    LargestTap largest(3, hn::Max(hn::Max(first, second), hn::Max(third, fourth)));
    largest.comes_from(2, third);
    largest.comes_from(1, second);
    largest.comes_from(0, first);
    return largest;
  }

  // Of taps 0, 1, ... with values that are no NaN: they need not wait for one another, as those that meet one by one
  // do.
  template <int kTaps>
  static HWY_INLINE LargestTap of_numbers(const hn::Vec<D> (&values)[kTaps]) {
    auto most = values[0];
    for (int tap = 1; tap < kTaps; ++tap) most = hn::Max(most, values[tap]);
    LargestTap largest(kTaps - 1, values[kTaps - 1]);
    for (int tap = kTaps - 2; tap >= 0; --tap) {
      const auto equal = hn::Eq(values[tap], most);
      largest.value_ = hn::IfThenElse(equal, values[tap], largest.value_);  // 0 and -0 are equal
      largest.tap_ = hn::IfThenElse(hn::RebindMask(Integers(), equal), hn::Set(Integers(), tap), largest.tap_);
    }
    return largest;
  }

  HWY_INLINE hn::Vec<D> value() const { return value_; }
  HWY_INLINE hn::Vec<Integers> tap() const { return tap_; }

  HWY_INLINE void store_tap(Winners winners, ArgmaxTap* HWY_RESTRICT to) const {
    const Integers integers;
    auto tap = tap_;
    if (winners == Winners::kOfPositive) {
      const auto positive = hn::RebindMask(integers, hn::Gt(value_, hn::Zero(D())));
      tap = hn::IfThenElse(positive, tap, hn::Set(integers, kNoTap));
    }
    const hn::Rebind<ArgmaxTap, D> taps;
    hn::Store(hn::DemoteTo(taps, tap), taps, to);
  }

 private:
  HWY_INLINE void comes_from(int32_t tap, hn::Vec<D> value) {
    const auto equal = hn::RebindMask(Integers(), hn::Eq(value, value_));
    tap_ = hn::IfThenElse(equal, hn::Set(Integers(), tap), tap_);
  }

  hn::Vec<D> value_;
  hn::Vec<Integers> tap_;
};

// The gradient of some lanes of a window's maximum, and which taps it goes to.
template <class D>
class ArgmaxGradient {
  using Integers = hn::RebindToSigned<D>;

 public:
  HWY_INLINE ArgmaxGradient(const float* HWY_RESTRICT dy, const ArgmaxTap* HWY_RESTRICT winner)
      : tap_(hn::PromoteTo(Integers(), hn::Load(hn::Rebind<ArgmaxTap, D>(), winner))), gradient_(hn::Load(D(), dy)) {}

  HWY_INLINE hn::Vec<D> of(int32_t tap) const { return where(hn::Eq(tap_, hn::Set(Integers(), tap))); }
  HWY_INLINE hn::Vec<D> of_any() const { return where(hn::Ne(tap_, hn::Set(Integers(), kNoTap))); }
  // In windows of 2x2 pixels.
  HWY_INLINE hn::Mask<D> in_right_column() const { return has_bit(1); }
  HWY_INLINE hn::Mask<D> in_lower_row() const { return has_bit(2); }

 private:
  HWY_INLINE hn::Mask<D> has_bit(int32_t bit) const {
    return hn::RebindMask(D(), hn::TestBit(tap_, hn::Set(Integers(), bit)));
  }

  HWY_INLINE hn::Vec<D> where(hn::Mask<Integers> won) const {
    return hn::IfThenElseZero(hn::RebindMask(D(), won), gradient_);
  }

  hn::Vec<Integers> tap_;
  hn::Vec<D> gradient_;
};

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
