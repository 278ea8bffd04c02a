#include "kernels/vectors/vectors.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/vectors/vectors.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/vectors/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Operation>
HWY_INLINE void element_by_element(const float* a, const float* b, int64_t count, float* out, Operation&& operation) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(operation(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  if (i == count) return;
  const auto rest = static_cast<size_t>(count - i);
  store_first(operation(load_first(d, a + i, rest), load_first(d, b + i, rest)), d, out + i, rest);
}

void Sum(const float* a, const float* b, int64_t count, float* out) {
  element_by_element(a, b, count, out, [](auto x, auto y) HWY_ATTR { return hn::Add(x, y); });
}

void Multiply(const float* a, const float* b, int64_t count, float* out) {
  element_by_element(a, b, count, out, [](auto x, auto y) HWY_ATTR { return hn::Mul(x, y); });
}

void DotRows(const float* a, const float* b, int64_t rows, int64_t width, float* y) {
  for (int64_t r = 0; r < rows; ++r) y[r] = dot(a + r * width, b + r * width, width);
}

void AddScaledTo(float factor, const float* x, int64_t count, float* out) { add_scaled_to(factor, x, count, out); }

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

bool AllFinite(const float* values, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Zero times what is not finite is no zero.
  auto sum = hn::Zero(d);
  auto other = sum;
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    sum = hn::MulAdd(hn::LoadU(d, values + i), hn::Zero(d), sum);
    other = hn::MulAdd(hn::LoadU(d, values + i + lanes), hn::Zero(d), other);
  }
  sum = hn::Add(sum, other);
  float rest = 0;
  for (; i < count; ++i) rest += values[i] * 0.0F;
  return rest == 0 && hn::AllTrue(d, hn::Eq(sum, hn::Zero(d)));
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Sum);
HWY_EXPORT(Multiply);
HWY_EXPORT(DotRows);
HWY_EXPORT(AddScaledTo);
HWY_EXPORT(ScaleRows);
HWY_EXPORT(AllFinite);

void sum(const float* a, const float* b, int64_t count, float* out) { HWY_DYNAMIC_DISPATCH(Sum)(a, b, count, out); }

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

bool all_finite(const float* values, int64_t count) { return HWY_DYNAMIC_DISPATCH(AllFinite)(values, count); }

}  // namespace gradloom
#endif  // HWY_ONCE
