#include "support/windows.h"

#include <algorithm>

namespace gradloom::test {
namespace {

Spec::List pair(const Extent2d& extent) { return {extent.height, extent.width}; }

Spec padding_list(const Padding2d& p) { return Spec::List{p.top, p.bottom, p.left, p.right}; }

int64_t outputs(int64_t input, int64_t padding, int64_t window, int64_t stride, int64_t dilation) {
  const int64_t room = input + padding - ((window - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

bool reaches_image(const Window2d& w, int64_t p) {
  for (int64_t tap = 0; tap < w.taps(); ++tap) {
    const int64_t h = p / w.output.width * w.stride.height + tap / w.window.width * w.dilation.height - w.padding.top;
    const int64_t v = p % w.output.width * w.stride.width + tap % w.window.width * w.dilation.width - w.padding.left;
    if (h >= 0 && h < w.input.height && v >= 0 && v < w.input.width) return true;
  }
  return false;
}

}  // namespace

Window2d random_window(RandomData& random) {
  for (;;) {
    Window2d w{};
    w.input = {random.pick({1, 2, 5, 7, 8}), random.pick({1, 3, 5, 7, 9})};
    w.window = {random.integer(1, 4), random.integer(1, 4)};
    if (random.integer(0, 9) == 0) w.window = {w.input.height + 1, w.input.width + 2};
    w.stride = {random.integer(1, 3), random.integer(1, 5)};
    w.dilation = {random.integer(1, 2), random.pick({1, 1, 3})};
    if (random.integer(0, 2) > 0) {
      w.padding = {random.integer(0, 3), random.integer(0, 3), random.integer(0, 3), random.integer(0, 3)};
    }
    w.output = {
        outputs(w.input.height, w.padding.top + w.padding.bottom, w.window.height, w.stride.height, w.dilation.height),
        outputs(w.input.width, w.padding.left + w.padding.right, w.window.width, w.stride.width, w.dilation.width)};
    if (w.output.height > 0 && w.output.width > 0) return w;
  }
}

Window2d random_pooling_window(RandomData& random) {
  for (;;) {
    const Window2d w = random_window(random);
    bool all = true;
    for (int64_t p = 0; p < w.output_pixels(); ++p) all = all && reaches_image(w, p);
    if (all) return w;
  }
}

Window2d random_windows_apart(RandomData& random, const Extent2d& image) {
  const Extent2d window{random.integer(1, std::min<int64_t>(3, image.height)),
                        random.integer(1, std::min<int64_t>(3, image.width))};
  return {image, {image.height / window.height, image.width / window.width}, window, window, {1, 1}, {}};
}

void set_window(const Window2d& window, Conv2dOptions& options) {
  options.kernel_size = pair(window.window);
  options.strides = pair(window.stride);
  options.dilation = pair(window.dilation);
  options.padding = padding_list(window.padding);
}

void set_window(const Window2d& window, AveragePool2dOptions& options) {
  options.pool_size = pair(window.window);
  options.strides = pair(window.stride);
  options.dilation = pair(window.dilation);
  options.padding = padding_list(window.padding);
}

void set_window(const Window2d& window, MaxPool2dOptions& options) {
  options.pool_size = pair(window.window);
  options.strides = pair(window.stride);
  options.dilation = pair(window.dilation);
  options.padding = padding_list(window.padding);
}

}  // namespace gradloom::test
