#include "kernels/reference/pooling.h"

#include <algorithm>
#include <cmath>

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

}  // namespace gradloom::reference
