#include "kernels/average_pool.h"

#include <algorithm>

namespace gradloom {
namespace {

// One output pixel's window: where it starts, its taps on the image, and by what its sum is divided.
struct Place {
  int64_t top;
  int64_t left;
  TapRange rows;
  TapRange columns;
  float count;
};

// Taps of one axis on the image and its padding.
int64_t taps_on_padded(int64_t start, int64_t dilation, int64_t window, int64_t size, int64_t before, int64_t after) {
  const TapRange taps = taps_on_image(start + before, dilation, window, before + size + after);
  return taps.last - taps.first;
}

// Calls visit(output pixel, place) for every output pixel.
template <class Visit>
void for_each_place(const Window2d& w, CountPadding padding, Visit visit) {
  for (int64_t oh = 0; oh < w.output.height; ++oh) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    const TapRange rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    for (int64_t ow = 0; ow < w.output.width; ++ow) {
      const int64_t left = ow * w.stride.width - w.padding.left;
      const TapRange columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      const int64_t count = padding == CountPadding::kExclude
                                ? (rows.last - rows.first) * (columns.last - columns.first)
                                : taps_on_padded(top, w.dilation.height, w.window.height, w.input.height, w.padding.top,
                                                 w.padding.bottom) *
                                      taps_on_padded(left, w.dilation.width, w.window.width, w.input.width,
                                                     w.padding.left, w.padding.right);
      visit(oh * w.output.width + ow, Place{top, left, rows, columns, static_cast<float>(count)});
    }
  }
}

// Calls visit(pixel) for every pixel of the image in the window.
template <class Visit>
void for_each_pixel(const Window2d& w, const Place& place, Visit visit) {
  for (int64_t r = place.rows.first; r < place.rows.last; ++r) {
    const int64_t row = (place.top + r * w.dilation.height) * w.input.width + place.left;
    for (int64_t s = place.columns.first; s < place.columns.last; ++s) visit(row + s * w.dilation.width);
  }
}

}  // namespace

void average_pool(const Window2d& w, CountPadding padding, int64_t channels, const float* x, float* y) {
  constexpr int64_t kChunk = 16;
  for_each_place(w, padding, [&](int64_t out, const Place& place) {
    for (int64_t first = 0; first < channels; first += kChunk) {
      const int64_t count = std::min(kChunk, channels - first);
      double sums[kChunk] = {};
      for_each_pixel(w, place, [&](int64_t pixel) {
        const float* values = x + pixel * channels + first;
        if (count == kChunk) {
          for (int64_t c = 0; c < kChunk; ++c) sums[c] += values[c];
        } else {
          for (int64_t c = 0; c < count; ++c) sums[c] += values[c];
        }
      });
      float* means = y + out * channels + first;
      for (int64_t c = 0; c < count; ++c) means[c] = static_cast<float>(sums[c] / place.count);
    }
  });
}

void average_pool_backward(const Window2d& w, CountPadding padding, int64_t channels, const float* dy, float* dx) {
  std::fill_n(dx, w.input_pixels() * channels, 0.0F);
  for_each_place(w, padding, [&](int64_t out, const Place& place) {
    const float* gradient = dy + out * channels;
    for_each_pixel(w, place, [&](int64_t pixel) {
      float* target = dx + pixel * channels;
      for (int64_t c = 0; c < channels; ++c) target[c] += gradient[c] / place.count;
    });
  });
}

}  // namespace gradloom
