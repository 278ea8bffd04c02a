#include "kernels/affine.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/affine.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One product and one sum, each rounded: the tail and every target give the same bits.
void Affine(const float* HWY_RESTRICT x, const float* HWY_RESTRICT scale, const float* HWY_RESTRICT shift,
            int64_t count, float* HWY_RESTRICT out) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto scaled = hn::Mul(hn::LoadU(d, x + i), hn::LoadU(d, scale + i));
    hn::StoreU(hn::Add(scaled, hn::LoadU(d, shift + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = x[i] * scale[i] + shift[i];
}

void AffineFromBytes(const uint8_t* HWY_RESTRICT x, const float* HWY_RESTRICT scale, const float* HWY_RESTRICT shift,
                     int64_t count, float* HWY_RESTRICT out) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<uint8_t, decltype(d)> bytes;
  const hn::Rebind<int32_t, decltype(d)> integers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto values = hn::ConvertTo(d, hn::PromoteTo(integers, hn::LoadU(bytes, x + i)));
    hn::StoreU(hn::Add(hn::Mul(values, hn::LoadU(d, scale + i)), hn::LoadU(d, shift + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = static_cast<float>(x[i]) * scale[i] + shift[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Affine);
HWY_EXPORT(AffineFromBytes);

void affine(const float* x, const float* scale, const float* shift, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(Affine)(x, scale, shift, count, out);
}

void affine_from_bytes(const uint8_t* x, const float* scale, const float* shift, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(AffineFromBytes)(x, scale, shift, count, out);
}

}  // namespace gradloom
#endif  // HWY_ONCE
