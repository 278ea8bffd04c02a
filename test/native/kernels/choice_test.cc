#include "kernels/choice.h"

#include <doctest/doctest.h>

#include "kernels/conv2d/direct/direct.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("Window2d::pointwise: only where the image is the matrix already") {
  const Window2d pointwise{{5, 5}, {5, 5}, {1, 1}, {1, 1}, {1, 1}, {}};
  CHECK(pointwise.pointwise());
  Window2d strided = pointwise;
  strided.stride.width = 2;
  CHECK(!strided.pointwise());
  Window2d padded = pointwise;
  padded.padding.bottom = 1;
  CHECK(!padded.pointwise());
  Window2d wide = pointwise;
  wide.window.width = 2;
  CHECK(!wide.pointwise());
  Window2d dilated = pointwise;  // the dilation of a single tap means nothing
  dilated.dilation = {3, 3};
  CHECK(dilated.pointwise());
}

TEST_CASE(
    "choose_conv2d: samples in lanes from 8 on, where such a kernel exists, of few channels, unless asked otherwise") {
  const Window2d same{{8, 8}, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  const auto choose = [](Conv2dKernel requested, const Window2d& window, Activation activation, int64_t batch) {
    return choose_conv2d(requested, {window, 3, 32, activation}, batch);
  };
  CHECK(choose(Conv2dKernel::kAuto, same, Activation::kRelu, 8) == Conv2dKernel::kDirect);
  CHECK(choose(Conv2dKernel::kAuto, same, Activation::kRelu, 7) == Conv2dKernel::kDirectChannels);
  CHECK(choose(Conv2dKernel::kAuto, same, Activation::kSoftmax, 1) == Conv2dKernel::kDirectChannels);
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {same, 3, 3, Activation::kRelu}, 1) == Conv2dKernel::kDirectChannels);
  CHECK(choose(Conv2dKernel::kDirect, same, Activation::kRelu, 1) == Conv2dKernel::kDirect);
  CHECK(choose(Conv2dKernel::kWinograd, same, Activation::kRelu, 1) == Conv2dKernel::kWinograd);
  CHECK(choose(Conv2dKernel::kBlas, same, Activation::kRelu, 64) == Conv2dKernel::kBlas);
  CHECK(choose(Conv2dKernel::kAuto, same, Activation::kSoftmax, 64) == Conv2dKernel::kBlas);
  Window2d wide_stride = same;
  wide_stride.stride = {3, 3};
  wide_stride.output = {3, 3};
  CHECK(choose(Conv2dKernel::kAuto, wide_stride, Activation::kRelu, 64) == Conv2dKernel::kDirect);
  Window2d far_padding = same;
  far_padding.padding = {3, 3, 3, 3};
  far_padding.output = {12, 12};
  CHECK(choose(Conv2dKernel::kAuto, far_padding, Activation::kRelu, 64) == Conv2dKernel::kDirect);
  CHECK(error_of([&] { parse_conv2d_kernel("direct", "conv2d \"c\"", same, Activation::kSoftmax); }) ==
        "INVALID_OPTION: conv2d \"c\": kernel \"direct\" takes any activation but softmax and logSoftmax; use "
        "\"auto\"");
  CHECK(error_of([&] { parse_conv2d_kernel("fft", "conv2d \"c\"", same, Activation::kRelu); }) ==
        "INVALID_SPEC: conv2d \"c\": kernel \"fft\" does not exist; use \"auto\", \"direct\", \"winograd\" or "
        "\"blas\"");
}

TEST_CASE(
    "choose_conv2d: small groups together in the lanes for a few samples, depthwise where blocks would be empty") {
  const auto chosen = [](int64_t window, int64_t channels, int64_t filters, int64_t groups, int64_t batch) {
    const int64_t pad = window / 2;
    const Window2d w{{12, 12}, {12, 12}, {window, window}, {1, 1}, {1, 1}, {pad, pad, pad, pad}};
    return choose_conv2d(Conv2dKernel::kAuto, {w, channels, filters, Activation::kRelu, groups}, batch);
  };
  const auto grouped = Conv2dKernel::kGroupedChannels;
  const auto few = Conv2dKernel::kDirectChannels;
  const auto direct = Conv2dKernel::kDirect;
  for (const int64_t batch : {1, 7}) {
    CHECK(chosen(3, 1, 1, 32, batch) == grouped);
    CHECK(chosen(3, 4, 4, 16, batch) == grouped);
    CHECK(chosen(3, 1, 24, 2, batch) == grouped);
    CHECK(chosen(3, 2, 8, 2, batch) == grouped);
    CHECK(chosen(3, 4, 9, 16, batch) == few);
    // So few filters leave the lanes to 7 samples.
    CHECK(chosen(3, 4, 4, 2, batch) == (batch == 1 ? few : direct));
    CHECK(chosen(3, 4, 6, 16, batch) == (batch == 1 ? few : direct));
    CHECK(chosen(3, 1, 1, 1, batch) == (batch == 1 ? few : direct));
  }
  for (const int64_t batch : {8, 12, 17, 25, 38}) CHECK(chosen(3, 1, 1, 32, batch) == grouped);
  for (const int64_t batch : {13, 16, 26, 32, 39, 40, 64}) CHECK(chosen(3, 1, 1, 32, batch) == direct);
  for (const int64_t batch : {8, 9, 17, 19}) CHECK(chosen(5, 1, 1, 32, batch) == grouped);
  for (const int64_t batch : {10, 12, 20, 33}) CHECK(chosen(5, 1, 1, 32, batch) == direct);
  for (const int64_t batch : {8, 9, 17}) CHECK(chosen(3, 1, 1, 16, batch) == grouped);
  for (const int64_t batch : {12, 20, 36}) CHECK(chosen(3, 1, 1, 16, batch) == direct);
  for (const int64_t batch : {8, 20}) CHECK(chosen(3, 1, 1, 8, batch) == direct);
  CHECK(chosen(3, 2, 2, 16, 8) != grouped);
}

TEST_CASE("choose_conv2d_without_gradient: in rows, where blocks of samples would be empty and filters fill vectors") {
  const auto chosen = [](int64_t stride, int64_t channels, int64_t filters, int64_t batch,
                         WantedGradients wanted = WantedGradients::kOfWeights) {
    const Window2d w{{12, 12}, {12 / stride, 12 / stride}, {3, 3}, {stride, stride}, {1, 1}, {1, 1, 1, 1}};
    return choose_conv2d_without_gradient(Conv2dKernel::kAuto, {w, channels, filters, Activation::kRelu, 1}, batch,
                                          wanted);
  };
  for (const int64_t channels : {1, 3, 6}) {
    for (const int64_t stride : {1, 2}) {
      for (const int64_t batch : {8, 11, 20}) {
        CHECK(chosen(stride, channels, 32, batch) == Conv2dKernel::kDirectChannels);
      }
      for (const int64_t batch : {12, 16, 24, 40}) CHECK(chosen(stride, channels, 32, batch) == std::nullopt);
      for (const int64_t batch : {12, 24})
        CHECK(chosen(stride, channels, 32, batch, WantedGradients::kNone) == Conv2dKernel::kDirectChannels);
      for (const int64_t batch : {13, 16, 40})
        CHECK(chosen(stride, channels, 32, batch, WantedGradients::kNone) == std::nullopt);
    }
    CHECK(chosen(1, channels, 10, 8) == std::nullopt);  // of fewer filters than lanes
    CHECK(chosen(1, channels, 24, 8) == Conv2dKernel::kDirectChannels);
  }
  // To predict, filters are transformed once, be the tiles as few as they are.
  for (const int64_t batch : {1, 2, 5}) {
    const Window2d w{{4, 4}, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    const Conv2dShape shape{w, 512, 256, Activation::kRelu, 1};
    for (const auto wanted : {WantedGradients::kOfWeights, WantedGradients::kNone}) {
      const bool pays = batch == 5 && wanted == WantedGradients::kNone;
      CHECK(choose_conv2d_without_gradient(Conv2dKernel::kAuto, shape, batch, wanted) ==
            (pays ? std::optional(Conv2dKernel::kWinogradChannels) : std::nullopt));
      CHECK(choose_conv2d_without_gradient(Conv2dKernel::kDirect, shape, batch, wanted) == std::nullopt);
    }
  }
  CHECK(chosen(1, 64, 64, 8) == std::nullopt);  // in rows already
  CHECK(chosen(1, 3, 32, 7) == std::nullopt);
}

TEST_CASE("choose_conv2d_in_lanes: windows of a pixel in rows, where lanes are full enough, unless asked otherwise") {
  const auto chosen = [](int64_t window, int64_t channels, int64_t batch,
                         Conv2dKernel requested = Conv2dKernel::kAuto) {
    const int64_t pad = window / 2;
    const Window2d w{{12, 12}, {12, 12}, {window, window}, {1, 1}, {1, 1}, {pad, pad, pad, pad}};
    return choose_conv2d_in_lanes(requested, {w, channels, channels, Activation::kRelu, 1}, batch);
  };
  for (const int64_t batch : {13, 14, 26, 28, 40, 57, 100}) {
    CHECK(chosen(1, 64, batch) == Conv2dKernel::kDirect);
    CHECK(chosen(1, 64, batch, Conv2dKernel::kBlas) == std::nullopt);
    CHECK(chosen(3, 16, batch) == std::nullopt);
    CHECK(chosen(1, 24, batch) == std::nullopt);  // takes lanes
  }
  for (const int64_t batch : {15, 16, 32}) CHECK(chosen(1, 64, batch) == std::nullopt);  // takes lanes
  for (const int64_t batch : {1, 8, 12, 24, 38}) CHECK(chosen(1, 64, batch) == std::nullopt);
}

TEST_CASE(
    "choose_conv2d_in_rows: windows of a pixel and depthwise, where vectors are full enough, unless asked otherwise") {
  const auto chosen = [](int64_t window, int64_t channels, int64_t filters, int64_t groups, int64_t batch,
                         Conv2dKernel requested = Conv2dKernel::kAuto) {
    const int64_t pad = window / 2;
    const Window2d w{{12, 12}, {12, 12}, {window, window}, {1, 1}, {1, 1}, {pad, pad, pad, pad}};
    return choose_conv2d_in_rows(requested, {w, channels, filters, Activation::kRelu, groups}, batch);
  };
  for (const int64_t batch : {16, 64, 100}) {
    CHECK(chosen(1, 3, 64, 1, batch) == Conv2dKernel::kDirectChannels);
    CHECK(chosen(1, 64, 24, 1, batch) == Conv2dKernel::kDirectChannels);
    CHECK(chosen(3, 1, 1, 24, batch) == Conv2dKernel::kGroupedChannels);
    CHECK(chosen(5, 1, 1, 64, batch) == Conv2dKernel::kGroupedChannels);
    CHECK(chosen(1, 64, 10, 1, batch) == std::nullopt);  // 6 of 16 lanes empty
    CHECK(chosen(1, 64, 64, 2, batch) == std::nullopt);
    CHECK(chosen(3, 1, 1, 8, batch) == std::nullopt);
    CHECK(chosen(5, 1, 1, 40, batch) == std::nullopt);  // 8 of 48
    CHECK(chosen(3, 8, 64, 1, batch) == std::nullopt);
    CHECK(chosen(1, 64, 64, 1, batch, Conv2dKernel::kDirect) == std::nullopt);
  }
  CHECK(chosen(1, 64, 64, 1, 20) == std::nullopt);  // in rows already
  CHECK(chosen(3, 1, 1, 64, 7) == std::nullopt);
}

TEST_CASE("choose_conv2d: many terms or a few filters too many, only where the kernel in lanes leaves half out") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    const bool leaves_half_out = target != "AVX3";
    CHECK(direct_leaves_half_out() == leaves_half_out);
    const auto in_rows = Conv2dKernel::kDirectChannels;
    const Window2d wide{{6, 6}, {6, 6}, {7, 7}, {1, 1}, {1, 1}, {3, 3, 3, 3}};
    for (const int64_t batch : {8, 9, 20}) {
      CHECK(choose_conv2d(Conv2dKernel::kAuto, {wide, 83, 64, Activation::kRelu}, batch) == in_rows);
      CHECK(choose_conv2d(Conv2dKernel::kAuto, {wide, 84, 64, Activation::kRelu}, batch) ==
            (leaves_half_out ? Conv2dKernel::kDirect : in_rows));
    }
    const auto predicts = [&](int64_t filters) {
      return choose_conv2d_without_gradient(Conv2dKernel::kAuto, {wide, 3, filters, Activation::kRelu}, 8,
                                            WantedGradients::kNone) == in_rows;
    };
    CHECK(predicts(32));
    CHECK(predicts(24) != leaves_half_out);
    CHECK(predicts(12) != leaves_half_out);
    CHECK(!predicts(11));
  });
}

TEST_CASE("choose_conv2d: filters in lanes where the last block of samples would be mostly empty") {
  const auto chosen = [](int64_t window, int64_t stride, int64_t channels, int64_t filters, int64_t batch) {
    const Window2d w{{12, 12}, {12 / stride, 12 / stride}, {window, window}, {stride, stride}, {1, 1}, {}};
    return choose_conv2d(Conv2dKernel::kAuto, {w, channels, filters, Activation::kRelu}, batch);
  };
  const auto direct = Conv2dKernel::kDirect;
  const auto few = Conv2dKernel::kDirectChannels;
  for (const int64_t batch : {8, 10, 17, 20, 23}) CHECK(chosen(7, 1, 64, 32, batch) == few);
  for (const int64_t batch : {13, 16, 25, 32, 64, 100}) CHECK(chosen(7, 1, 64, 32, batch) == direct);
  CHECK(chosen(3, 2, 64, 64, 20) == few);
  CHECK(chosen(3, 2, 64, 64, 22) == direct);
  CHECK(chosen(1, 1, 64, 64, 28) == few);
  CHECK(chosen(1, 1, 64, 64, 30) == direct);
  CHECK(chosen(7, 1, 3, 64, 8) == direct);
  CHECK(chosen(7, 1, 64, 20, 20) == direct);  // 12 of 32 lanes empty
  CHECK(chosen(7, 1, 64, 47, 20) == few);
  CHECK(chosen(7, 1, 1, 1, 8) == direct);  // depthwise
  const auto winograd = Conv2dKernel::kWinograd;
  const auto winograd_of_few = Conv2dKernel::kWinogradChannels;
  for (const int64_t batch : {8, 12, 17, 20, 24}) {
    CHECK(chosen(3, 1, 64, 64, batch) == winograd_of_few);
    CHECK(chosen(5, 1, 64, 64, batch) == winograd_of_few);
  }
  for (const int64_t batch : {13, 16, 25, 32, 48}) CHECK(chosen(3, 1, 64, 64, batch) == winograd);
  for (const int64_t batch : {8, 11, 17, 22}) CHECK(chosen(3, 1, 32, 128, batch) == winograd_of_few);
  for (const int64_t batch : {12, 23, 24}) CHECK(chosen(3, 1, 32, 128, batch) == winograd);
  CHECK(chosen(3, 1, 16, 128, 9) == winograd_of_few);
  CHECK(chosen(3, 1, 16, 128, 10) == winograd);
  CHECK(chosen(3, 1, 64, 72, 20) == winograd_of_few);
  CHECK(chosen(3, 1, 17, 17, 8) == winograd);  // 15 of 32 lanes empty
}

TEST_CASE("choose_conv2d: of few filters some samples in the lanes") {
  const auto chosen = [](int64_t channels, int64_t filters, int64_t batch, int64_t groups = 1,
                         Activation activation = Activation::kRelu) {
    const Conv2dShape shape{
        {{12, 12}, {12, 12}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, channels, filters, activation, groups};
    return choose_conv2d(Conv2dKernel::kAuto, shape, batch);
  };
  const auto in_lanes = Conv2dKernel::kDirect;
  const auto in_rows = Conv2dKernel::kDirectChannels;
  CHECK(chosen(1, 4, 4) == in_rows);
  CHECK(chosen(1, 4, 5) == in_lanes);
  CHECK(chosen(4, 4, 5) == in_lanes);
  CHECK(chosen(4, 5, 5) == in_rows);
  CHECK(chosen(6, 6, 6) == in_lanes);
  CHECK(chosen(7, 6, 6) == in_rows);
  CHECK(chosen(8, 8, 7) == in_rows);
  CHECK(chosen(8, 8, 7, 4) == in_lanes);
  CHECK(chosen(8, 8, 6, 4) == in_rows);
  CHECK(chosen(4, 4, 7, 4) == Conv2dKernel::kGroupedChannels);
  CHECK(chosen(1, 4, 7, 1, Activation::kSoftmax) == in_rows);
}

TEST_CASE("choose_conv2d: pixel by pixel, of one pixel, and where the gradient of the input meets little") {
  const auto chosen = [](int64_t map, int64_t taps, int64_t channels, int64_t filters, int64_t batch,
                         int64_t stride = 1) {
    const int64_t output = (map - taps) / stride + 1;
    const Window2d valid{{map, map}, {output, output}, {taps, taps}, {stride, stride}, {1, 1}, {}};
    return choose_conv2d(Conv2dKernel::kAuto, {valid, channels, filters, Activation::kRelu}, batch);
  };
  const auto by_pixels = Conv2dKernel::kDirectPixels;
  const auto in_rows = Conv2dKernel::kDirectChannels;
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const int64_t batch : {2, 5, 8, 64}) CHECK(chosen(5, 5, 16, 120, batch) == by_pixels);
    CHECK(chosen(5, 5, 16, 120, 1) == in_rows);
    CHECK(chosen(4, 4, 8, 8, 4) == by_pixels);
    CHECK(chosen(4, 4, 8, 8, 3) == in_rows);  // 3,072 products
    CHECK(chosen(4, 4, 7, 64, 64) == Conv2dKernel::kDirect);
    CHECK(chosen(4, 4, 64, 7, 64) == Conv2dKernel::kDirect);
    CHECK(chosen(1, 1, 64, 64, 2) == by_pixels);
    CHECK(chosen(6, 4, 32, 32, 64, 4) == by_pixels);
    // Of the taps 9 of 36 in the gradient of the input, 3 of 4 in all; 4 of 9, 0.81.
    CHECK(chosen(6, 4, 32, 32, 64) == (direct_leaves_half_out() ? Conv2dKernel::kDirect : by_pixels));
    CHECK(chosen(6, 4, 32, 32, 5) == in_rows);
    CHECK(chosen(3, 2, 32, 32, 64) == Conv2dKernel::kDirect);
  });
}

TEST_CASE("choose_conv2d: pixel by pixel, of small maps whose windows mostly reach over an edge") {
  struct Case {
    Extent2d map = {2, 2};
    Extent2d window = {3, 3};
    int64_t batch = 64;
    int64_t channels = 32;
    int64_t filters = 64;
    int64_t stride = 1;
  };
  const auto chosen = [](const Case& of) {
    const int64_t rows = of.window.height / 2;
    const int64_t columns = of.window.width / 2;
    const Extent2d input{of.map.height * of.stride, of.map.width * of.stride};
    const Window2d w{input, of.map, of.window, {of.stride, of.stride}, {1, 1}, {rows, rows, columns, columns}};
    return choose_conv2d(Conv2dKernel::kAuto, {w, of.channels, of.filters, Activation::kRelu}, of.batch);
  };
  const auto by_pixels = Conv2dKernel::kDirectPixels;
  CHECK(chosen({}) == by_pixels);
  CHECK(chosen({.map = {3, 3}, .window = {5, 5}}) == by_pixels);
  CHECK(chosen({.batch = 6}) == by_pixels);
  CHECK(chosen({.batch = 5}) == Conv2dKernel::kDirectChannels);
  CHECK(chosen({.channels = 31}) == Conv2dKernel::kWinograd);
  CHECK(chosen({.filters = 32}) == by_pixels);
  CHECK(chosen({.filters = 31}) == Conv2dKernel::kWinograd);
  CHECK(chosen({.map = {4, 4}, .stride = 2}) == Conv2dKernel::kDirect);  // 121 of 144 taps inside
  CHECK(chosen({.map = {1, 25}}) == by_pixels);
  CHECK(chosen({.map = {1, 26}}) == Conv2dKernel::kDirect);
  CHECK(chosen({.window = {1, 1}}) == Conv2dKernel::kDirect);  // all taps inside
  CHECK(chosen({.map = {4, 4}, .window = {5, 5}}) == Conv2dKernel::kWinograd);
  // Of so many weights Winograd's products do not pay.
  CHECK(chosen({.map = {4, 4}, .window = {5, 5}, .batch = 16, .channels = 832, .filters = 832}) == by_pixels);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    const bool whole = !direct_leaves_half_out();
    const auto whole_or = [&](Conv2dKernel otherwise) { return whole ? by_pixels : otherwise; };
    // Taps inside: 14 of 18, 25 of 36.
    CHECK(chosen({.map = {3, 2}, .window = {3, 1}}) == Conv2dKernel::kDirect);
    CHECK(chosen({.stride = 2}) == whole_or(Conv2dKernel::kDirect));
    // Of Winograd's products, beside which the filters are transformed: 49 of 25, 40 of 24; of windows of five 1.1.
    CHECK(chosen({.map = {2, 3}}) == whole_or(Conv2dKernel::kWinograd));
    CHECK(chosen({.map = {3, 3}}) == Conv2dKernel::kWinograd);
    CHECK(chosen({.map = {3, 3}, .batch = 16}) == Conv2dKernel::kWinograd);
    CHECK(chosen({.map = {3, 3}, .batch = 14}) == whole_or(Conv2dKernel::kWinograd));
    CHECK(chosen({.map = {5, 5}}) == Conv2dKernel::kWinograd);
    CHECK(chosen({.map = {2, 4}, .batch = 24}) == whole_or(Conv2dKernel::kWinograd));
    CHECK(chosen({.map = {2, 4}, .batch = 48}) == Conv2dKernel::kWinograd);
    CHECK(chosen({.map = {3, 4}}) == Conv2dKernel::kWinograd);
    CHECK(chosen({.map = {5, 5}, .window = {5, 5}}) == whole_or(Conv2dKernel::kWinograd));
  });
}

TEST_CASE("conv2d_prediction_time: by samples in rows, by blocks and halves in lanes, by tiles of Winograd's") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    const auto kernel_and_time = [](int64_t size, int64_t stride, int64_t channels, int64_t filters, int64_t batch,
                                    int64_t groups = 1) {
      const Window2d w{{size * stride, size * stride}, {size, size}, {3, 3}, {stride, stride}, {1, 1}, {1, 1, 1, 1}};
      const Conv2dShape shape{w, channels, filters, Activation::kRelu, groups};
      const Conv2dKernel kernel = choose_conv2d_to_predict(Conv2dKernel::kAuto, shape, batch);
      return std::pair{kernel, conv2d_prediction_time(kernel, shape, batch)};
    };
    const double half = direct_leaves_half_out() ? 8 : 16;
    const auto direct = Conv2dKernel::kDirect;
    CHECK(kernel_and_time(8, 2, 8, 10, 16) == std::pair{direct, 16.0});
    CHECK(kernel_and_time(8, 2, 8, 10, 20) == std::pair{direct, 16 + half});
    CHECK(kernel_and_time(8, 2, 8, 10, 25) == std::pair{direct, 32.0});
    const auto rows = [](const std::pair<Conv2dKernel, double>& is, Conv2dKernel kernel, double time) {
      CHECK(is.first == kernel);
      CHECK(is.second == doctest::Approx(time));
    };
    rows(kernel_and_time(8, 2, 8, 32, 3), Conv2dKernel::kDirectChannels, 3 * 1.1);
    rows(kernel_and_time(8, 2, 8, 24, 3), Conv2dKernel::kDirectChannels, 3 * 1.1 / 0.75);
    rows(kernel_and_time(8, 1, 1, 1, 5, 48), Conv2dKernel::kGroupedChannels, 5);
    rows(kernel_and_time(2, 1, 64, 64, 3), Conv2dKernel::kDirectChannels, 3 * 1.1);
    rows(kernel_and_time(2, 1, 64, 48, 24), Conv2dKernel::kDirectPixels, 24);  // flops() leave out padding
    rows(kernel_and_time(8, 1, 64, 64, 3), Conv2dKernel::kWinogradChannels, 3 * 0.5 * 1.1);
    rows(kernel_and_time(8, 1, 64, 64, 16), Conv2dKernel::kWinograd, 8);
    rows(kernel_and_time(8, 1, 60, 60, 24), Conv2dKernel::kWinograd, 13);
    rows(kernel_and_time(6, 1, 64, 64, 16), Conv2dKernel::kWinograd, 8 * 100 / (36 * 36 / 16.0));
  });
}

TEST_CASE("kernels that do not exist are refused by name") {
  CHECK(choose_dense("auto", "") == DenseKernel::kPanels);
  CHECK(choose_dense("blas", "") == DenseKernel::kBlas);
  CHECK(error_of([] { choose_dense("fft", "dense \"a\""); }) ==
        "INVALID_SPEC: dense \"a\": kernel \"fft\" does not exist; use \"auto\" or \"blas\"");
}
