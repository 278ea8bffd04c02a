#include "layers/window_spec.h"

#include <doctest/doctest.h>

#include "layers/conv2d/conv2d.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

Window2d read(const Conv2dOptions& options, const Shape& input) {
  return read_window(conv2d(options), "conv2d \"c\"", "kernelSize", input, WindowRounding::kDown);
}

std::string error(const Conv2dOptions& options, const Shape& input) {
  return error_of([&] { read(options, input); });
}

}  // namespace

TEST_CASE("read_window: 'valid' keeps to the image") {
  const Window2d w = read({.filters = 1, .kernel_size = {3, 5}, .strides = {2, 1}, .dilation = {1, 2}}, {10, 20, 3});
  CHECK(w.output.height == 4);
  CHECK(w.output.width == 12);
  CHECK(w.padding.top + w.padding.bottom + w.padding.left + w.padding.right == 0);
}

TEST_CASE("read_window: 'same' gives ceil(input / stride) outputs, the odd cell at the end") {
  for (int64_t input = 1; input <= 9; ++input) {
    for (int64_t window = 1; window <= 5; ++window) {
      for (int64_t stride = 1; stride <= 4; ++stride) {
        for (int64_t dilation = 1; dilation <= 2; ++dilation) {
          CAPTURE(input);
          CAPTURE(window);
          CAPTURE(stride);
          CAPTURE(dilation);
          const Window2d w = read({.filters = 1,
                                   .kernel_size = {window, window},
                                   .strides = {stride, stride},
                                   .dilation = {dilation, dilation},
                                   .padding = "same"},
                                  {input, input, 1});
          const int64_t outputs = (input + stride - 1) / stride;
          const int64_t total = std::max<int64_t>((outputs - 1) * stride + (window - 1) * dilation + 1 - input, 0);
          CHECK(w.output.height == outputs);
          CHECK(w.output.width == outputs);
          CHECK(w.padding.top == total / 2);
          CHECK(w.padding.bottom == total - total / 2);
          CHECK(w.padding.left == w.padding.top);
          CHECK(w.padding.right == w.padding.bottom);
        }
      }
    }
  }
}

TEST_CASE("read_window: explicit padding is [top, bottom, left, right]") {
  const Window2d w = read({.filters = 1, .padding = Spec::List{1, 2, 3, 4}}, {5, 5, 1});
  CHECK(w.padding.top == 1);
  CHECK(w.padding.bottom == 2);
  CHECK(w.padding.left == 3);
  CHECK(w.padding.right == 4);
  CHECK(w.output.height == 6);
  CHECK(w.output.width == 10);
}

TEST_CASE("read_window: errors name the layer, what it got and the remedy") {
  CHECK(error({.filters = 1, .kernel_size = {5, 5}}, {3, 3, 8}) ==
        "SHAPE_MISMATCH: conv2d \"c\": kernelSize 5 does not fit the input [3, 3, 8] with padding \"valid\"; "
        "use padding "
        "\"same\" or a kernelSize up to 3");
  CHECK(contains(error({.filters = 1, .kernel_size = {1, 5}}, {3, 3, 8}), "kernelSize [1, 5] does not fit"));
  CHECK(contains(error({.filters = 1, .padding = Spec::List{0, 0, 0, 1}}, {2, 1, 8}), "with padding [0, 0, 0, 1]"));
  CHECK(contains(error({.filters = 1, .dilation = {2, 2}}, {4, 4, 1}), "kernelSize 3 with dilation does not fit"));
  CHECK(error({.filters = 1}, {64}) ==
        "SHAPE_MISMATCH: conv2d \"c\": takes images [height, width, channels], got samples of shape [64]; "
        "set the "
        "model's inputShape accordingly");
  CHECK(contains(error({.filters = 1, .padding = "full"}, {4, 4, 1}),
                 "INVALID_SPEC: conv2d \"c\": padding must be \"valid\", \"same\" or four numbers"));
  CHECK(contains(error({.filters = 1, .padding = Spec::List{1, 1}}, {4, 4, 1}), "attribute \"padding\" must have 4"));
  CHECK(contains(error({.filters = 1, .padding = Spec::List{-1, 0, 0, 0}}, {4, 4, 1}), "attribute \"padding\""));
  CHECK(contains(error({.filters = 1, .strides = {0, 1}}, {4, 4, 1}), "attribute \"strides\""));
  CHECK(contains(error({.filters = 1, .kernel_size = {3}}, {4, 4, 1}), "attribute \"kernelSize\" must have 2"));
}

TEST_CASE("conv2d: groups that do not divide, and sizes that overflow") {
  const auto error = [](const Conv2dOptions& options, const Shape& input) {
    return error_of([&] { Conv2d(conv2d(options), input); });
  };
  CHECK(error({.filters = 4, .groups = 2}, {5, 5, 3}) ==
        "SHAPE_MISMATCH: conv2d \"conv2d_1\": groups 2 must divide the 3 input channels and the 4 filters");
  CHECK(contains(error({.filters = 3, .groups = 2}, {5, 5, 4}), "must divide the 4 input channels and the 3 filters"));
  CHECK(contains(error({.filters = 1, .kernel_size = {int64_t{1} << 30, 1}, .padding = "same"}, {4, 4, 4}),
                 "SHAPE_TOO_LARGE"));
  CHECK(contains(error({.filters = int64_t{1} << 32, .kernel_size = {1, 1}}, {4, 4, 4}), "SHAPE_TOO_LARGE"));
  CHECK(contains(error({.filters = 1, .padding = Spec::List{int64_t{1} << 31, 0, 0, 0}}, {4, 4, 4}),
                 "SHAPE_TOO_LARGE: conv2d \"conv2d_1\": a size of 2147483648 exceeds 2^30"));
}
