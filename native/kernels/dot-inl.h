// The product of two rows, included once for every target. Four sums run beside each other and are added in a fixed
// order; the values beyond the last whole vector are read as far as they go.
#if defined(GRADLOOM_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_DOT_INL_H_
#undef GRADLOOM_DOT_INL_H_
#else
#define GRADLOOM_DOT_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

HWY_INLINE float dot(const float* a, const float* b, int64_t width) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  auto sum2 = hn::Zero(d);
  auto sum3 = hn::Zero(d);
  int64_t i = 0;
  for (; i + 4 * lanes <= width; i += 4 * lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
    sum1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), sum1);
    sum2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * lanes), hn::LoadU(d, b + i + 2 * lanes), sum2);
    sum3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * lanes), hn::LoadU(d, b + i + 3 * lanes), sum3);
  }
  for (; i + lanes <= width; i += lanes) sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
  if (i < width) {
    const auto rest = static_cast<size_t>(width - i);
    sum1 = hn::MulAdd(hn::LoadN(d, a + i, rest), hn::LoadN(d, b + i, rest), sum1);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
