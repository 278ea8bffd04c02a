#include "kernels/conv2d/im2col.h"

#include <doctest/doctest.h>

#include "kernels/reference/convolution.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("im2col and col2im: equal to the reference over 300 windows, whole and in pieces") {
  RandomData random(21);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    const Window2d window = random_window(random);
    const int64_t total = random.pick({1, 3, 7, 16, 17, 20});
    const int64_t count = random.integer(1, total);
    const ChannelRange channels{random.integer(0, total - count), count, total};
    const int64_t row = window.taps() * count;
    const int64_t pixels = window.output_pixels();
    const int64_t split = random.integer(0, pixels);  // two calls, one of which may be empty

    GuardedBuffer image(random.integers(window.input_pixels() * total), 1);
    GuardedBuffer columns(pixels * row, 1);
    im2col(window, channels, image.data(), 0, split, columns.data());
    im2col(window, channels, image.data(), split, pixels, columns.data() + split * row);
    std::vector<double> expected(static_cast<size_t>(pixels * row));
    reference::im2col(window, channels, to_double(image.values()).data(), expected.data());
    CHECK(difference(columns.span(), expected, Tolerance{}) == "");
    CHECK(columns.intact());

    GuardedBuffer gradient(random.integers(pixels * row), 1);
    std::vector<double> sum = to_double(image.values());
    reference::add_col2im(window, channels, to_double(gradient.values()).data(), sum.data());
    add_col2im(window, channels, gradient.data(), 0, split, image.data());
    add_col2im(window, channels, gradient.data() + split * row, split, pixels, image.data());
    CHECK(difference(image.span(), sum, Tolerance{}) == "");
    CHECK(image.intact());
  }
}

TEST_CASE("taps_inside: counts the taps that meet the input, over 200 axes") {
  RandomData random(22);
  for (int i = 0; i < 200; ++i) {
    const Window2d w = random_window(random);
    int64_t expected = 0;
    for (int64_t position = 0; position < w.output.height; ++position) {
      for (int64_t tap = 0; tap < w.window.height; ++tap) {
        const int64_t at = position * w.stride.height + tap * w.dilation.height - w.padding.top;
        expected += at >= 0 && at < w.input.height ? 1 : 0;
      }
    }
    CHECK(taps_inside(rows_of(w)) == expected);
  }
}
