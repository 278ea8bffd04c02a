// Vectors of floats (or other numbers) from their like in memory, of floats from bfloat16, of doubles from floats.
// Included once for every target.
#if defined(GRADLOOM_ELEMENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_ELEMENTS_INL_H_
#undef GRADLOOM_ELEMENTS_INL_H_
#else
#define GRADLOOM_ELEMENTS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "common/bfloat16.h"
#include "common/highway-inl.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_elements(D d, const hwy::HWY_NAMESPACE::TFromD<D>* from) {
  return hwy::HWY_NAMESPACE::LoadU(d, from);
}
// The first `count`, zeros behind them.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_elements(D d, const hwy::HWY_NAMESPACE::TFromD<D>* from, size_t count) {
  return load_first(d, from, count);
}

template <class D, class Halves>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> widened(D d, Halves halves) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> bits;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits, halves)));
}
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_elements(D d, const Bfloat16* from) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::Rebind<uint16_t, D> halves;
  return widened(d, hn::LoadU(halves, &from->bits));
}
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_elements(D d, const Bfloat16* from, size_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::Rebind<uint16_t, D> halves;
  return widened(d, load_first(halves, &from->bits, count));
}

// Doubles from floats.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_doubles(D d, const float* from) {
  namespace hn = hwy::HWY_NAMESPACE;
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), from));
}

// Values minus one and the same, by multiply-adds where there are such: AMD's processors have units for these beside
// those that add and convert. The bits are those of a subtraction.
template <class D>
class Minus {
 public:
  HWY_INLINE Minus(D d, hwy::HWY_NAMESPACE::Vec<D> subtrahend)
      : one_(in_register(hwy::HWY_NAMESPACE::Set(d, 1))), negated_(hwy::HWY_NAMESPACE::Neg(subtrahend)) {}

  HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> operator()(hwy::HWY_NAMESPACE::Vec<D> value) const {
    namespace hn = hwy::HWY_NAMESPACE;
    return HWY_NATIVE_FMA ? hn::MulAdd(value, one_, negated_) : hn::Add(value, negated_);
  }

 private:
  hwy::HWY_NAMESPACE::Vec<D> one_;
  hwy::HWY_NAMESPACE::Vec<D> negated_;
};

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
