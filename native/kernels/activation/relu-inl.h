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

// Not Max: that would turn NaN into 0 on some targets.
template <class V>
HWY_INLINE V relu(V z) {
  namespace hn = hwy::HWY_NAMESPACE;
  return hn::IfThenZeroElse(hn::Lt(z, hn::Zero(hn::DFromV<V>())), z);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
