#include "kernels/reference/resize2d.h"

#include <algorithm>

namespace gradloom::reference {
namespace {

// Calls visit(from, to) for every value of `in` that an output is a copy of, by their places in [H, W, inner].
template <class Source, class Visit>
void for_each_copy(const Plane& plane, const Extent2d& output, Source source, Visit visit) {
  for (int64_t h = 0; h < output.height; ++h) {
    for (int64_t w = 0; w < output.width; ++w) {
      const Extent2d from = source(h, w);
      if (from.height < 0 || from.height >= plane.height || from.width < 0 || from.width >= plane.width) continue;
      for (int64_t i = 0; i < plane.inner; ++i) {
        visit((from.height * plane.width + from.width) * plane.inner + i, (h * output.width + w) * plane.inner + i);
      }
    }
  }
}

template <class Visit>
void for_each_padded(const Plane& plane, const Padding2d& p, Visit visit) {
  const Extent2d output{p.top + plane.height + p.bottom, p.left + plane.width + p.right};
  for_each_copy(
      plane, output,
      [&](int64_t h, int64_t w) {
        return Extent2d{h - p.top, w - p.left};
      },
      visit);
}

template <class Visit>
void for_each_repeated(const Plane& plane, const Extent2d& factor, Visit visit) {
  const Extent2d output{plane.height * factor.height, plane.width * factor.width};
  for_each_copy(
      plane, output,
      [&](int64_t h, int64_t w) {
        return Extent2d{h / factor.height, w / factor.width};
      },
      visit);
}

}  // namespace

void zero_pad(const Plane& plane, const Padding2d& padding, const double* in, double* out) {
  const int64_t rows = padding.top + plane.height + padding.bottom;
  std::fill_n(out, rows * (padding.left + plane.width + padding.right) * plane.inner, 0.0);
  for_each_padded(plane, padding, [&](int64_t from, int64_t to) { out[to] = in[from]; });
}

void zero_pad_backward(const Plane& plane, const Padding2d& padding, const double* dout, double* din) {
  for_each_padded(plane, padding, [&](int64_t from, int64_t to) { din[from] = dout[to]; });
}

void upsample_nearest(const Plane& plane, const Extent2d& factor, const double* in, double* out) {
  for_each_repeated(plane, factor, [&](int64_t from, int64_t to) { out[to] = in[from]; });
}

void upsample_nearest_backward(const Plane& plane, const Extent2d& factor, const double* dout, double* din) {
  std::fill_n(din, plane.size(), 0.0);
  for_each_repeated(plane, factor, [&](int64_t from, int64_t to) { din[from] += dout[to]; });
}

}  // namespace gradloom::reference
