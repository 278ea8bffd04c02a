#include "kernels/reference/pooling.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gradloom::reference {

void max_pool(const Window2d& window, int64_t channels, const double* x, double* y, int32_t* winner) {
  for (int64_t p = 0; p < window.output_pixels(); ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      int64_t best = -1;
      for (int64_t tap = 0; tap < window.taps(); ++tap) {
        const int64_t h = p / window.output.width * window.stride.height - window.padding.top +
                          tap / window.window.width * window.dilation.height;
        const int64_t w = p % window.output.width * window.stride.width - window.padding.left +
                          tap % window.window.width * window.dilation.width;
        if (h < 0 || h >= window.input.height || w < 0 || w >= window.input.width) continue;
        const int64_t pixel = h * window.input.width + w;
        const double value = x[pixel * channels + c];
        if (best < 0 || value > x[best * channels + c] || std::isnan(value)) best = pixel;
      }
      y[p * channels + c] = x[best * channels + c];
      winner[p * channels + c] = static_cast<int32_t>(best);
    }
  }
}

void max_pool_backward(const Window2d& window, int64_t channels, const double* dy, const int32_t* winner, double* dx) {
  std::fill_n(dx, window.input_pixels() * channels, 0.0);
  for (int64_t i = 0; i < window.output_pixels() * channels; ++i) dx[winner[i] * channels + i % channels] += dy[i];
}

namespace {

// Calls visit(output pixel, input pixel, count) for every pixel of every window.
template <class Visit>
void for_each_averaged(const Window2d& w, CountPadding padding, Visit visit) {
  for (int64_t p = 0; p < w.output_pixels(); ++p) {
    std::vector<int64_t> pixels;
    int64_t padded = 0;
    for (int64_t tap = 0; tap < w.taps(); ++tap) {
      const int64_t h = p / w.output.width * w.stride.height - w.padding.top + tap / w.window.width * w.dilation.height;
      const int64_t v = p % w.output.width * w.stride.width - w.padding.left + tap % w.window.width * w.dilation.width;
      if (h >= w.input.height + w.padding.bottom || v >= w.input.width + w.padding.right) continue;
      ++padded;
      if (h >= 0 && h < w.input.height && v >= 0 && v < w.input.width) pixels.push_back(h * w.input.width + v);
    }
    const int64_t count = padding == CountPadding::kInclude ? padded : static_cast<int64_t>(pixels.size());
    for (const int64_t q : pixels) visit(p, q, static_cast<double>(count));
  }
}

}  // namespace

void average_pool(const Window2d& window, CountPadding padding, int64_t channels, const double* x, double* y) {
  std::fill_n(y, window.output_pixels() * channels, 0.0);
  for_each_averaged(window, padding, [&](int64_t p, int64_t q, double count) {
    for (int64_t c = 0; c < channels; ++c) y[p * channels + c] += x[q * channels + c] / count;
  });
}

void average_pool_backward(const Window2d& window, CountPadding padding, int64_t channels, const double* dy,
                           double* dx) {
  std::fill_n(dx, window.input_pixels() * channels, 0.0);
  for_each_averaged(window, padding, [&](int64_t p, int64_t q, double count) {
    for (int64_t c = 0; c < channels; ++c) dx[q * channels + c] += dy[p * channels + c] / count;
  });
}

}  // namespace gradloom::reference
