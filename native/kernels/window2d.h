// The geometry of a window that slides over an image: shared by convolution and pooling.
#pragma once

#include <cstdint>

namespace gradloom {

struct Extent2d {
  int64_t height;
  int64_t width;
};

struct Padding2d {
  int64_t top = 0;
  int64_t bottom = 0;
  int64_t left = 0;
  int64_t right = 0;
};

// Output pixel (oh, ow) sees input pixels (oh * stride + r * dilation - top, ow * stride + s * dilation - left) for
// r < window.height, s < window.width; those outside of the input are padding.
struct Window2d {
  Extent2d input;
  Extent2d output;
  Extent2d window;
  Extent2d stride;
  Extent2d dilation;
  Padding2d padding;

  int64_t input_pixels() const { return input.height * input.width; }
  int64_t output_pixels() const { return output.height * output.width; }
  int64_t taps() const { return window.height * window.width; }
  bool dilated() const { return dilation.height > 1 || dilation.width > 1; }
  bool strided() const { return stride.height > 1 || stride.width > 1; }
  // 1x1, stride 1, no padding: the image already is the matrix that im2col would build.
  bool pointwise() const {
    return taps() == 1 && stride.height == 1 && stride.width == 1 &&
           padding.top + padding.bottom + padding.left + padding.right == 0;
  }
};

// One axis: output position o sees the input positions o * stride + r * dilation - before for r < window.
struct WindowAxis {
  int64_t input;
  int64_t output;
  int64_t window;
  int64_t stride;
  int64_t dilation;
  int64_t before;
};
inline WindowAxis rows_of(const Window2d& w) {
  return {w.input.height, w.output.height, w.window.height, w.stride.height, w.dilation.height, w.padding.top};
}
inline WindowAxis columns_of(const Window2d& w) {
  return {w.input.width, w.output.width, w.window.width, w.stride.width, w.dilation.width, w.padding.left};
}

// Taps [first, last) of one axis.
struct TapRange {
  int64_t first;
  int64_t last;
};

// Those of `window` taps that fall on [0, size), for the window that starts at `start` (negative in padding).
TapRange taps_at_edge(int64_t start, int64_t dilation, int64_t window, int64_t size);
inline TapRange taps_on_image(int64_t start, int64_t dilation, int64_t window, int64_t size) {
  // Most windows lie inside, and then need no division and no call.
  if (start >= 0 && start + (window - 1) * dilation < size) return {0, window};
  return taps_at_edge(start, dilation, window, size);
}

// Whether every window lies on the image as a whole and no pixel in two.
bool windows_lie_apart(const Window2d& window);

// Whether, besides, every pixel lies in one.
bool windows_tile_image(const Window2d& window);

// The output positions of one axis whose window's tap meets the input instead of padding: `count` from `first` on.
struct OutputRange {
  int64_t first;
  int64_t count;
};
OutputRange outputs_of_tap(const WindowAxis& axis, int64_t tap);

// (tap, output position) pairs of one axis that meet the input instead of padding.
int64_t taps_inside(const WindowAxis& axis);
// (tap, output pixel) pairs of both.
inline int64_t taps_inside(const Window2d& w) { return taps_inside(rows_of(w)) * taps_inside(columns_of(w)); }

}  // namespace gradloom
