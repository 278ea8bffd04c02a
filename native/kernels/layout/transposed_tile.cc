#include "kernels/layout/transposed_tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layout/transposed_tile.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/layout/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::FixedTag<float, kTransposeSide>;
using V = hn::Vec<D>;

HWY_INLINE V load_numbers(const float* from) { return hn::Load(D(), from); }
HWY_INLINE void store_numbers(V numbers, float* to) { hn::Store(numbers, D(), to); }

// Taps travel as the bits of floats, which nothing here looks at.
HWY_INLINE V load_numbers(const ArgmaxTap* from) {
  const hn::RebindToSigned<D> integers;
  return hn::BitCast(D(), hn::PromoteTo(integers, hn::Load(hn::Rebind<ArgmaxTap, D>(), from)));
}
HWY_INLINE void store_numbers(V numbers, ArgmaxTap* to) {
  const hn::RebindToSigned<D> integers;
  const hn::Rebind<ArgmaxTap, D> taps;
  hn::Store(hn::DemoteTo(taps, hn::BitCast(integers, numbers)), taps, to);
}

// Images lie pages apart, where no processor looks by itself, so the pixels at the right, which are often next, are
// prefetched.
template <class Number>
void transpose_area(const PixelArea& area, const Number* HWY_RESTRICT source, Number* HWY_RESTRICT transposed) {
  for (int64_t row = 0; row < area.pixels.height; ++row) {
    for (int64_t column = 0; column < area.pixels.width; ++column, transposed += kLanes * kLanes) {
      const Number* const pixel = source + row * area.row + column * area.column;
      for (int64_t image = 0; image < kLanes; image += kTransposeSide) {
        for (int64_t sample = 0; sample < kLanes; sample += kTransposeSide) {
          transpose_vectors<kTransposeSide>(
              [&](int i) HWY_ATTR {
                if (image + i >= area.images) return hn::Zero(D());
                const Number* const from = pixel + (image + i) * area.image + sample;
                hwy::Prefetch(from + area.pixels.width * area.column);
                return load_numbers(from);
              },
              [&](int i, V numbers) HWY_ATTR { store_numbers(numbers, transposed + (sample + i) * kLanes + image); });
        }
      }
    }
  }
}

void TransposePixels(const PixelArea& area, const float* source, float* transposed) {
  transpose_area(area, source, transposed);
}
void TransposeTaps(const PixelArea& area, const ArgmaxTap* source, ArgmaxTap* transposed) {
  transpose_area(area, source, transposed);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(TransposePixels);
HWY_EXPORT(TransposeTaps);

void transpose_pixels(const PixelArea& area, const float* source, float* transposed) {
  HWY_DYNAMIC_DISPATCH(TransposePixels)(area, source, transposed);
}

void transpose_pixels(const PixelArea& area, const ArgmaxTap* source, ArgmaxTap* transposed) {
  HWY_DYNAMIC_DISPATCH(TransposeTaps)(area, source, transposed);
}

}  // namespace gradloom
#endif  // HWY_ONCE
