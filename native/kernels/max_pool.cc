#include "kernels/max_pool.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradloom {
void max_pool(const Window2d& w, int64_t channels, const float* x, float* y, int32_t* winner) {
  for (int64_t oh = 0; oh < w.output.height; ++oh) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    const TapRange rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    for (int64_t ow = 0; ow < w.output.width; ++ow, y += channels) {
      const int64_t left = ow * w.stride.width - w.padding.left;
      const TapRange columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      bool first = true;
      for (int64_t r = rows.first; r < rows.last; ++r) {
        for (int64_t s = columns.first; s < columns.last; ++s) {
          const int64_t pixel = (top + r * w.dilation.height) * w.input.width + left + s * w.dilation.width;
          const float* values = x + pixel * channels;
          const auto index = static_cast<int32_t>(pixel);
          if (first) {
            std::memcpy(y, values, static_cast<size_t>(channels) * sizeof(float));
            if (winner != nullptr) std::fill_n(winner, channels, index);
            first = false;
          } else if (winner == nullptr) {
            for (int64_t c = 0; c < channels; ++c) y[c] = values[c] > y[c] || std::isnan(values[c]) ? values[c] : y[c];
          } else {
            for (int64_t c = 0; c < channels; ++c) {
              const bool wins = values[c] > y[c] || std::isnan(values[c]);
              y[c] = wins ? values[c] : y[c];
              winner[c] = wins ? index : winner[c];
            }
          }
        }
      }
      if (winner != nullptr) winner += channels;
    }
  }
}

void max_pool_backward(const Window2d& w, int64_t channels, const float* dy, const int32_t* winner, float* dx) {
  std::memset(dx, 0, static_cast<size_t>(w.input_pixels() * channels) * sizeof(float));
  const int64_t pixels = w.output_pixels();
  for (int64_t pixel = 0; pixel < pixels; ++pixel, dy += channels, winner += channels) {
    for (int64_t c = 0; c < channels; ++c) dx[winner[c] * channels + c] += dy[c];
  }
}

}  // namespace gradloom
