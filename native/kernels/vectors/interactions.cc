#include "kernels/vectors/interactions.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/vectors/interactions.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/vectors/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void PairDots(const float* x, int64_t fields, int64_t width, float* y) {
  for (int64_t i = 1; i < fields; ++i) {
    for (int64_t j = 0; j < i; ++j) *y++ = dot(x + i * width, x + j * width, width);
  }
}

void PairDotsBackward(const float* x, const float* dy, int64_t fields, int64_t width, float* dx) {
  const auto pair = [=](int64_t i, int64_t j) { return i > j ? i * (i - 1) / 2 + j : j * (j - 1) / 2 + i; };
  for (int64_t i = 0; i < fields; ++i) {
    float* own = dx + i * width;
    std::fill_n(own, width, 0.0F);
    for (int64_t j = 0; j < fields; ++j) {
      if (j != i) add_scaled_to(dy[pair(i, j)], x + j * width, width, own);
    }
  }
}

float SumPairDots(const float* x, int64_t fields, int64_t width, float* sums) {
  std::copy_n(x, width, sums);
  float total = 0;
  for (int64_t i = 1; i < fields; ++i) {
    total += dot(x + i * width, sums, width);
    add_scaled_to(1, x + i * width, width, sums);
  }
  return total;
}

void SumPairDotsBackward(const float* x, const float* sums, float dy, int64_t fields, int64_t width, float* dx) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, dy);
  for (int64_t f = 0; f < fields; ++f, x += width, dx += width) {
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) {
      hn::StoreU(hn::Mul(factor, hn::Sub(hn::LoadU(d, sums + i), hn::LoadU(d, x + i))), d, dx + i);
    }
    for (; i < width; ++i) dx[i] = dy * (sums[i] - x[i]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(PairDots);
HWY_EXPORT(PairDotsBackward);
HWY_EXPORT(SumPairDots);
HWY_EXPORT(SumPairDotsBackward);

void pair_dots(const float* x, int64_t fields, int64_t width, float* y) {
  HWY_DYNAMIC_DISPATCH(PairDots)(x, fields, width, y);
}

void pair_dots_backward(const float* x, const float* dy, int64_t fields, int64_t width, float* dx) {
  HWY_DYNAMIC_DISPATCH(PairDotsBackward)(x, dy, fields, width, dx);
}

float sum_pair_dots(const float* x, int64_t fields, int64_t width, float* sums) {
  return HWY_DYNAMIC_DISPATCH(SumPairDots)(x, fields, width, sums);
}

void sum_pair_dots_backward(const float* x, const float* sums, float dy, int64_t fields, int64_t width, float* dx) {
  HWY_DYNAMIC_DISPATCH(SumPairDotsBackward)(x, sums, dy, fields, width, dx);
}

}  // namespace gradloom
#endif  // HWY_ONCE
