#include "kernels/window2d.h"

#include <algorithm>

namespace gradloom {

TapRange taps_on_image(int64_t start, int64_t dilation, int64_t window, int64_t size) {
  const int64_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
  const int64_t last = start >= size ? 0 : std::min(window, (size - 1 - start) / dilation + 1);
  return {first, last};
}

int64_t taps_inside(int64_t input, int64_t output, int64_t window, int64_t stride, int64_t dilation, int64_t padding) {
  int64_t count = 0;
  for (int64_t tap = 0; tap < window; ++tap) {
    for (int64_t position = 0; position < output; ++position) {
      const int64_t at = position * stride + tap * dilation - padding;
      count += at >= 0 && at < input;
    }
  }
  return count;
}

}  // namespace gradloom
