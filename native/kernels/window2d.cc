#include "kernels/window2d.h"

#include <algorithm>

#include "common/checked.h"

namespace gradloom {

TapRange taps_at_edge(int64_t start, int64_t dilation, int64_t window, int64_t size) {
  const int64_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
  const int64_t last = start >= size ? 0 : std::min(window, (size - 1 - start) / dilation + 1);
  return {first, last};
}

bool windows_lie_apart(const Window2d& w) {
  const auto axis = [](int64_t input, int64_t output, int64_t window, int64_t stride, int64_t dilation,
                       int64_t before) {
    return window == stride && (dilation == 1 || window == 1) && before == 0 && output * window <= input;
  };
  return axis(w.input.height, w.output.height, w.window.height, w.stride.height, w.dilation.height, w.padding.top) &&
         axis(w.input.width, w.output.width, w.window.width, w.stride.width, w.dilation.width, w.padding.left);
}

bool windows_tile_image(const Window2d& w) {
  return windows_lie_apart(w) && w.output.height * w.window.height == w.input.height &&
         w.output.width * w.window.width == w.input.width;
}

OutputRange outputs_of_tap(const WindowAxis& axis, int64_t tap) {
  // It meets the input at the positions p with 0 <= p stride + shift < input.
  const int64_t shift = tap * axis.dilation - axis.before;
  const int64_t first = shift < 0 ? ceil_divide(-shift, axis.stride) : 0;
  const int64_t last = shift < axis.input ? std::min(axis.output, ceil_divide(axis.input - shift, axis.stride)) : 0;
  return {first, std::max<int64_t>(last - first, 0)};
}

int64_t taps_inside(const WindowAxis& axis) {
  int64_t count = 0;
  for (int64_t tap = 0; tap < axis.window; ++tap) count += outputs_of_tap(axis, tap).count;
  return count;
}

}  // namespace gradloom
