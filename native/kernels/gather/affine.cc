#include "kernels/gather/affine.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gather/affine.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
hn::Vec<D> LoadFloats(D d, const float* x) {
  return hn::LoadU(d, x);
}

template <class D>
hn::Vec<D> LoadFloats(D d, const uint8_t* x) {
  const hn::Rebind<uint8_t, D> bytes;
  const hn::Rebind<int32_t, D> integers;
  return hn::ConvertTo(d, hn::PromoteTo(integers, hn::LoadU(bytes, x)));
}

// One product and one sum, each rounded: the tail and every target give the same bits.
template <class Stored>
void AffineOf(const Stored* HWY_RESTRICT x, const float* HWY_RESTRICT scale, const float* HWY_RESTRICT shift,
              int64_t count, float* HWY_RESTRICT out) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto scaled = hn::Mul(LoadFloats(d, x + i), hn::LoadU(d, scale + i));
    hn::StoreU(hn::Add(scaled, hn::LoadU(d, shift + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = static_cast<float>(x[i]) * scale[i] + shift[i];
}

template <class Stored>
void AffineTwiceOf(const Stored* HWY_RESTRICT x, float gain, float offset, const float* HWY_RESTRICT scale,
                   const float* HWY_RESTRICT shift, int64_t count, float* HWY_RESTRICT out) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto gains = hn::Set(d, gain);
  const auto offsets = hn::Set(d, offset);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto changed = hn::Add(hn::Mul(LoadFloats(d, x + i), gains), offsets);
    hn::StoreU(hn::Add(hn::Mul(changed, hn::LoadU(d, scale + i)), hn::LoadU(d, shift + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = (static_cast<float>(x[i]) * gain + offset) * scale[i] + shift[i];
}

void Affine(const float* x, const float* scale, const float* shift, int64_t count, float* out) {
  AffineOf(x, scale, shift, count, out);
}

void AffineFromBytes(const uint8_t* x, const float* scale, const float* shift, int64_t count, float* out) {
  AffineOf(x, scale, shift, count, out);
}

void AffineTwice(const float* x, float gain, float offset, const float* scale, const float* shift, int64_t count,
                 float* out) {
  AffineTwiceOf(x, gain, offset, scale, shift, count, out);
}

void AffineTwiceFromBytes(const uint8_t* x, float gain, float offset, const float* scale, const float* shift,
                          int64_t count, float* out) {
  AffineTwiceOf(x, gain, offset, scale, shift, count, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Affine);
HWY_EXPORT(AffineFromBytes);
HWY_EXPORT(AffineTwice);
HWY_EXPORT(AffineTwiceFromBytes);

void affine(const float* x, const float* scale, const float* shift, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(Affine)(x, scale, shift, count, out);
}

void affine_from_bytes(const uint8_t* x, const float* scale, const float* shift, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(AffineFromBytes)(x, scale, shift, count, out);
}

void affine_twice(const float* x, float gain, float offset, const float* scale, const float* shift, int64_t count,
                  float* out) {
  HWY_DYNAMIC_DISPATCH(AffineTwice)(x, gain, offset, scale, shift, count, out);
}

void affine_twice_from_bytes(const uint8_t* x, float gain, float offset, const float* scale, const float* shift,
                             int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(AffineTwiceFromBytes)(x, gain, offset, scale, shift, count, out);
}

}  // namespace gradloom
#endif  // HWY_ONCE
