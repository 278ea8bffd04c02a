#include "kernels/resize2d.h"

#include <algorithm>

namespace gradloom {

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
  const int64_t out_row = plane.width * factor.width * plane.inner;
  for (int64_t h = 0; h < plane.height; ++h) {
    float* const first = out;
    for (int64_t w = 0; w < plane.width; ++w, in += plane.inner) {
      for (int64_t copy = 0; copy < factor.width; ++copy) out = std::copy_n(in, plane.inner, out);
    }
    for (int64_t copy = 1; copy < factor.height; ++copy) out = std::copy_n(first, out_row, out);
  }
}

void upsample_nearest_backward(const Plane& plane, const Extent2d& factor, const float* dout, float* din) {
  const int64_t out_row = plane.width * factor.width * plane.inner;
  for (int64_t h = 0; h < plane.height; ++h) {
    for (int64_t w = 0; w < plane.width; ++w, din += plane.inner) {
      const float* const block = dout + h * factor.height * out_row + w * factor.width * plane.inner;
      std::copy_n(block, plane.inner, din);
      for (int64_t pixel = 1; pixel < factor.height * factor.width; ++pixel) {
        const float* const part = block + pixel / factor.width * out_row + pixel % factor.width * plane.inner;
        for (int64_t i = 0; i < plane.inner; ++i) din[i] += part[i];
      }
    }
  }
}

}  // namespace gradloom
