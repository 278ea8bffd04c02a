#include "kernels/products.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/products.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void Multiply(const float* a, const float* b, int64_t count, float* out) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  for (; i < count; ++i) out[i] = a[i] * b[i];
}

void DotRows(const float* a, const float* b, int64_t rows, int64_t width, float* y) {
  for (int64_t r = 0; r < rows; ++r) y[r] = DotOf(a + r * width, b + r * width, width);
}

void AddScaledTo(float factor, const float* x, int64_t count, float* out) { AddScaled(factor, x, count, out); }

void ScaleRows(const float* factors, const float* x, int64_t rows, int64_t width, float* out) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r, x += width, out += width) {
    const auto factor = hn::Set(d, factors[r]);
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) hn::StoreU(hn::Mul(factor, hn::LoadU(d, x + i)), d, out + i);
    for (; i < width; ++i) out[i] = factors[r] * x[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Multiply);
HWY_EXPORT(DotRows);
HWY_EXPORT(AddScaledTo);
HWY_EXPORT(ScaleRows);

void multiply(const float* a, const float* b, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(Multiply)(a, b, count, out);
}

void dot_rows(const float* a, const float* b, int64_t rows, int64_t width, float* y) {
  HWY_DYNAMIC_DISPATCH(DotRows)(a, b, rows, width, y);
}

void add_scaled(float factor, const float* x, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(AddScaledTo)(factor, x, count, out);
}

void scale_rows(const float* factors, const float* x, int64_t rows, int64_t width, float* out) {
  HWY_DYNAMIC_DISPATCH(ScaleRows)(factors, x, rows, width, out);
}

}  // namespace gradloom
#endif  // HWY_ONCE
