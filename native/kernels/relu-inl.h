// The largest of 0 and a number. Included once for every target.
#if defined(GRADLOOM_RELU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_RELU_INL_H_
#undef GRADLOOM_RELU_INL_H_
#else
#define GRADLOOM_RELU_INL_H_
#endif

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// NaN stays NaN: x86 takes the second operand then, while NEON's Max takes the number.
template <class V>
HWY_INLINE V relu(V z) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V zero = hn::Zero(hn::DFromV<V>());
#if HWY_ARCH_X86
  return hn::Max(zero, z);
#else
  return hn::IfThenZeroElse(hn::Lt(z, zero), z);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
