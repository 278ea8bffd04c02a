// Scalar products and sums of vectors of any length. Included once for every target.
#if defined(GRADLOOM_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_VECTORS_INL_H_
#undef GRADLOOM_VECTORS_INL_H_
#else
#define GRADLOOM_VECTORS_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// The sum of a[i] b[i].
HWY_INLINE float DotOf(const float* a, const float* b, int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) sums = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sums);
  float sum = hn::ReduceSum(d, sums);
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// out[i] += factor x[i]
HWY_INLINE void AddScaled(float factor, const float* x, int64_t count, float* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto factors = hn::Set(d, factor);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::MulAdd(factors, hn::LoadU(d, x + i), hn::LoadU(d, out + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] += factor * x[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
