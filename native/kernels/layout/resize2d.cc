#include "kernels/layout/resize2d.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layout/resize2d.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Small planes are read at the speed of the memory behind the caches only if lines are prefetched so many floats ahead.
constexpr int64_t kAhead = 1024;

// Calls work(d, pixel, first pixel of its block) for the vectors of all pixels; offsets in floats.
template <class Work>
HWY_INLINE void for_each_block(const Plane& plane, const Extent2d& factor, Work work) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 1> single;
  const auto lanes = static_cast<int64_t>(hn::Lanes(wide));
  const int64_t out_row = plane.width * factor.width * plane.inner;
  for (int64_t h = 0; h < plane.height; ++h) {
    for (int64_t w = 0; w < plane.width; ++w) {
      const int64_t pixel = (h * plane.width + w) * plane.inner;
      const int64_t block = h * factor.height * out_row + w * factor.width * plane.inner;
      int64_t i = 0;
      for (; i + lanes <= plane.inner; i += lanes) work(wide, pixel + i, block + i);
      for (; i < plane.inner; ++i) work(single, pixel + i, block + i);
    }
  }
}

void UpsampleNearest(const Plane& plane, const Extent2d& factor, const float* HWY_RESTRICT in,
                     float* HWY_RESTRICT out) {
  const int64_t height = factor.height;
  const int64_t width = factor.width;
  const int64_t inner = plane.inner;
  const int64_t out_row = plane.width * width * inner;
  for_each_block(plane, factor, [=](auto d, int64_t pixel, int64_t block) HWY_ATTR {
    hwy::Prefetch(in + pixel + kAhead);
    const auto value = hn::LoadU(d, in + pixel);
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t s = 0; s < width; ++s) hn::StoreU(value, d, out + block + r * out_row + s * inner);
    }
  });
}

void UpsampleNearestBackward(const Plane& plane, const Extent2d& factor, const float* HWY_RESTRICT dout,
                             float* HWY_RESTRICT din) {
  const int64_t height = factor.height;
  const int64_t width = factor.width;
  const int64_t inner = plane.inner;
  const int64_t out_row = plane.width * width * inner;
  for_each_block(plane, factor, [=](auto d, int64_t pixel, int64_t block) HWY_ATTR {
    auto sum = hn::LoadU(d, dout + block);
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t s = r == 0 ? 1 : 0; s < width; ++s) {
        const float* const part = dout + block + r * out_row + s * inner;
        hwy::Prefetch(part + kAhead);
        sum = hn::Add(sum, hn::LoadU(d, part));
      }
    }
    hn::StoreU(sum, d, din + pixel);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(UpsampleNearest);
HWY_EXPORT(UpsampleNearestBackward);

void zero_pad(const Plane& plane, const Padding2d& padding, const float* in, float* out) {
  const int64_t row = plane.width * plane.inner;
  const int64_t left = padding.left * plane.inner;
  const int64_t right = padding.right * plane.inner;
  const int64_t out_row = left + row + right;
  // Zeros between two rows of the image lie together.
  out = std::fill_n(out, padding.top * out_row, 0.0F);
  for (int64_t h = 0; h < plane.height; ++h) {
    out = std::fill_n(out, left, 0.0F);
    out = std::copy_n(in + h * row, row, out);
    out = std::fill_n(out, right, 0.0F);
  }
  std::fill_n(out, padding.bottom * out_row, 0.0F);
}

void zero_pad_backward(const Plane& plane, const Padding2d& padding, const float* dout, float* din) {
  const int64_t row = plane.width * plane.inner;
  const int64_t out_row = row + (padding.left + padding.right) * plane.inner;
  const float* first = dout + padding.top * out_row + padding.left * plane.inner;
  for (int64_t h = 0; h < plane.height; ++h) std::copy_n(first + h * out_row, row, din + h * row);
}

void upsample_nearest(const Plane& plane, const Extent2d& factor, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(UpsampleNearest)(plane, factor, in, out);
}

void upsample_nearest_backward(const Plane& plane, const Extent2d& factor, const float* dout, float* din) {
  HWY_DYNAMIC_DISPATCH(UpsampleNearestBackward)(plane, factor, dout, din);
}

}  // namespace gradloom
#endif  // HWY_ONCE
