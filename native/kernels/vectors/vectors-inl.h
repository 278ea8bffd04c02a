// Scalar products and sums of vectors of any length. Included once for every target.
#if defined(GRADLOOM_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_VECTORS_INL_H_
#undef GRADLOOM_VECTORS_INL_H_
#else
#define GRADLOOM_VECTORS_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"
#include "kernels/vectors/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// The sum of a[i] b[i], b floats or bfloat16. Four sums run beside each other and are added in a fixed order.
template <class Element>
HWY_INLINE float dot(const float* a, const Element* b, int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  auto sum2 = hn::Zero(d);
  auto sum3 = hn::Zero(d);
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), load_elements(d, b + i), sum0);
    sum1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), load_elements(d, b + i + lanes), sum1);
    sum2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * lanes), load_elements(d, b + i + 2 * lanes), sum2);
    sum3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * lanes), load_elements(d, b + i + 3 * lanes), sum3);
  }
  for (; i + lanes <= count; i += lanes) sum0 = hn::MulAdd(hn::LoadU(d, a + i), load_elements(d, b + i), sum0);
  if (i < count) {
    const auto rest = static_cast<size_t>(count - i);
    sum1 = hn::MulAdd(load_first(d, a + i, rest), load_elements(d, b + i, rest), sum1);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

// out[i] += factor x[i]
HWY_INLINE void add_scaled_to(float factor, const float* x, int64_t count, float* out) {
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
