#include "kernels/choice.h"

#include <doctest/doctest.h>

#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE(
    "parse_conv2d_kernel: winograd for windows and strides up to these, whatever the dilation of others and padding") {
  const Window2d same{{8, 8}, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  const auto parse = [](const Window2d& window, Activation activation) {
    return parse_conv2d_kernel("winograd", "conv2d \"c\"", window, activation);
  };
  const std::string refusal =
      "INVALID_OPTION: conv2d \"c\": kernel \"winograd\" takes a kernelSize above 1 and up to 32, strides up to "
      "kernelSize and without dilation, and any activation but softmax and logSoftmax; use \"auto\"";
  CHECK(parse(same, Activation::kTanh) == Conv2dKernel::kWinograd);
  Window2d far_padding = same;
  far_padding.padding = {3, 3, 3, 3};
  far_padding.output = {12, 12};
  CHECK(parse(far_padding, Activation::kRelu) == Conv2dKernel::kWinograd);
  CHECK(error_of([&] { parse(same, Activation::kSoftmax); }) == refusal);
  Window2d larger = same;
  larger.window = {5, 5};
  larger.padding = {2, 2, 2, 2};
  CHECK(parse(larger, Activation::kRelu) == Conv2dKernel::kWinograd);
  Window2d dilated = same;
  dilated.dilation = {2, 3};
  dilated.padding = {2, 2, 3, 3};
  CHECK(parse(dilated, Activation::kRelu) == Conv2dKernel::kWinograd);
  for (const auto axis : {&Extent2d::height, &Extent2d::width}) {
    Window2d other = same;
    other.window.*axis = 7;  // 7x3, 3x7
    CHECK(parse(other, Activation::kRelu) == Conv2dKernel::kWinograd);
    other.window.*axis = 1;
    CHECK(parse(other, Activation::kRelu) == Conv2dKernel::kWinograd);
    other.stride.*axis = 2;
    CHECK(error_of([&] { parse(other, Activation::kRelu); }) == refusal);
    Window2d strided = same;
    strided.stride.*axis = 3;
    CHECK(parse(strided, Activation::kRelu) == Conv2dKernel::kWinograd);
    strided.dilation = {2, 2};
    CHECK(error_of([&] { parse(strided, Activation::kRelu); }) == refusal);
    strided.dilation.*axis = 1;
    CHECK(parse(strided, Activation::kRelu) == Conv2dKernel::kWinograd);
    strided.stride.*axis = 4;
    CHECK(error_of([&] { parse(strided, Activation::kRelu); }) == refusal);
  }
  Window2d large = same;
  large.window = {32, 1};
  CHECK(parse(large, Activation::kRelu) == Conv2dKernel::kWinograd);
  large.window = {1, 33};
  CHECK(error_of([&] { parse(large, Activation::kRelu); }) == refusal);
  Window2d of_a_pixel = same;
  of_a_pixel.window = {1, 1};
  CHECK(error_of([&] { parse(of_a_pixel, Activation::kRelu); }) == refusal);
}

TEST_CASE("choose_conv2d: winograd of 5x5 from 16 channels on, from 32 with dilation and pixels of tiles outside") {
  const auto chosen = [](int64_t size, int64_t dilation, int64_t channels, int64_t filters, int64_t batch) {
    const int64_t padding = 2 * dilation;
    const Window2d w{{size, size}, {size, size},         {5, 5},
                     {1, 1},       {dilation, dilation}, {padding, padding, padding, padding}};
    return choose_conv2d(Conv2dKernel::kAuto, {w, channels, filters, Activation::kRelu}, batch);
  };
  const auto winograd = Conv2dKernel::kWinograd;
  const auto direct = Conv2dKernel::kDirect;
  CHECK(chosen(14, 1, 16, 16, 32) == winograd);
  CHECK(chosen(14, 1, 15, 64, 32) == direct);
  CHECK(chosen(14, 1, 64, 15, 32) == direct);
  CHECK(chosen(3, 1, 16, 16, 32) == winograd);                      // 9 of 16 pixels
  CHECK(chosen(1, 1, 31, 64, 128) == Conv2dKernel::kDirectPixels);  // one of four
  CHECK(chosen(28, 2, 16, 16, 32) == winograd);                     // four tiles of 14x14 pixels, all inside
  CHECK(chosen(14, 2, 16, 16, 32) == direct);
  CHECK(chosen(14, 2, 32, 32, 32) == winograd);
  CHECK(chosen(14, 1, 64, 64, 7) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(14, 1, 16, 64, 7) == winograd);
  CHECK(chosen(14, 1, 16, 64, 6) == Conv2dKernel::kDirectChannels);
  CHECK(chosen(14, 1, 24, 64, 5) == winograd);
}

TEST_CASE("choose_conv2d: winograd along one axis and of sections, of the more products the more channels there are") {
  const auto chosen = [](const Extent2d& map, const Extent2d& taps, int64_t channels, int64_t filters, int64_t batch) {
    const Extent2d before{(taps.height - 1) / 2, (taps.width - 1) / 2};
    const Window2d same{
        map,    map,    taps,
        {1, 1}, {1, 1}, {before.height, taps.height - 1 - before.height, before.width, taps.width - 1 - before.width}};
    return choose_conv2d(Conv2dKernel::kAuto, {same, channels, filters, Activation::kRelu}, batch);
  };
  const auto winograd = Conv2dKernel::kWinograd;
  const auto direct = Conv2dKernel::kDirect;
  // Winograd's products, of those that meet the map: 24 of 46.
  CHECK(chosen({16, 16}, {1, 3}, 24, 24, 32) == winograd);
  CHECK(chosen({16, 16}, {3, 1}, 24, 64, 32) == winograd);
  CHECK(chosen({16, 16}, {3, 1}, 23, 64, 32) == direct);
  // 48 of 74.
  CHECK(chosen({16, 16}, {1, 5}, 32, 32, 32) == winograd);
  CHECK(chosen({16, 16}, {5, 1}, 64, 31, 32) == direct);
  // 10 of 16, 9 of 13, 3 of 1.
  CHECK(chosen({64, 6}, {1, 3}, 32, 64, 32) == winograd);
  CHECK(chosen({64, 6}, {1, 3}, 31, 64, 32) == direct);
  CHECK(chosen({64, 5}, {1, 3}, 64, 64, 32) == winograd);
  CHECK(chosen({64, 5}, {1, 3}, 63, 64, 32) == direct);
  CHECK(chosen({64, 1}, {1, 3}, 64, 64, 32) == direct);
  CHECK(chosen({5, 64}, {1, 3}, 64, 64, 32) == winograd);
  // Sections: 1152 of 3404, 5184 of 10000, 36 of 44, 1296 of 900.
  CHECK(chosen({16, 16}, {3, 5}, 16, 16, 32) == winograd);
  CHECK(chosen({16, 16}, {3, 5}, 12, 13, 32) == direct);
  CHECK(chosen({16, 16}, {7, 7}, 24, 24, 32) == winograd);
  CHECK(chosen({16, 16}, {7, 7}, 23, 24, 32) == direct);
  CHECK(chosen({16, 8}, {1, 7}, 64, 64, 32) == winograd);
  CHECK(chosen({16, 8}, {1, 7}, 63, 64, 32) == direct);
  CHECK(chosen({6, 6}, {7, 7}, 64, 64, 32) == direct);
  // Windows with fewer taps than a section: 576 of 961.
  CHECK(chosen({16, 16}, {2, 2}, 32, 32, 32) == winograd);
  CHECK(chosen({16, 16}, {2, 2}, 31, 32, 32) == direct);
  // Not of so many channels of all sections (4,096 and 4,104), of filters that take much more room, of three tiles.
  CHECK(chosen({32, 32}, {10, 10}, 256, 64, 32) == winograd);
  CHECK(chosen({32, 32}, {10, 10}, 257, 64, 32) == direct);
  CHECK(chosen({32, 32}, {10, 10}, 64, 257, 32) == direct);
  CHECK(chosen({16, 16}, {2, 2}, 1360, 1360, 32) == winograd);
  CHECK(chosen({16, 16}, {2, 2}, 1370, 1370, 32) == direct);
  CHECK(chosen({1, 12}, {1, 3}, 60, 60, 16) == direct);
  // Of a block that is partly empty.
  const auto in_rows = Conv2dKernel::kDirectChannels;
  for (const int64_t batch : {8, 10, 13, 20, 24}) CHECK(chosen({12, 12}, {7, 7}, 72, 72, batch) == winograd);
  CHECK(chosen({12, 12}, {7, 7}, 72, 72, 9) == in_rows);
  for (const int64_t batch : {8, 13, 24}) CHECK(chosen({16, 16}, {1, 7}, 72, 72, batch) == winograd);
  for (const int64_t batch : {9, 10}) CHECK(chosen({16, 16}, {1, 7}, 72, 72, batch) == in_rows);
  // With filters in the lanes, where channels fill them.
  CHECK(chosen({16, 16}, {1, 3}, 64, 64, 3) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen({1, 16}, {1, 5}, 64, 64, 1) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen({1, 12}, {1, 3}, 64, 64, 1) == in_rows);  // three tiles
  for (const Extent2d& taps : {Extent2d{2, 2}, {7, 7}, {3, 5}}) {
    for (const int64_t batch : {1, 7, 9}) {
      CHECK(chosen({16, 16}, taps, 64, 64, batch) == Conv2dKernel::kWinogradChannels);
      if (batch < 8) CHECK(chosen({16, 16}, taps, 72, 72, batch) == Conv2dKernel::kWinogradChannels);
    }
    CHECK(chosen({12, 16}, taps, 64, 64, 1) == in_rows);  // twelve tiles
  }
}

TEST_CASE("choose_conv2d: winograd with strides, of the more products the more channels there are") {
  const auto chosen = [](int64_t output, int64_t taps, int64_t channels, int64_t batch) {
    const int64_t before = (taps - 2) / 2;
    const int64_t behind = taps - 2 - before;
    const Window2d same{{2 * output, 2 * output},        {output, output}, {taps, taps}, {2, 2}, {1, 1},
                        {before, behind, before, behind}};
    return choose_conv2d(Conv2dKernel::kAuto, {same, channels, channels, Activation::kRelu}, batch);
  };
  const auto winograd = Conv2dKernel::kWinograd;
  const auto direct = Conv2dKernel::kDirect;
  // 9 of 15.0 products a pixel, 9 of 23.2, 20.25 of 43.1; 3x3 saves none.
  CHECK(chosen(16, 4, 32, 32) == winograd);
  CHECK(chosen(16, 4, 31, 32) == direct);
  CHECK(chosen(16, 5, 16, 32) == winograd);
  CHECK(chosen(16, 5, 12, 32) == direct);
  CHECK(chosen(16, 7, 24, 32) == winograd);
  CHECK(chosen(16, 3, 256, 32) == direct);
  // Of 7x7 pixels 10.2 of 14.3 and of 22.0, of 15x15 9.4 of 15.0.
  CHECK(chosen(7, 4, 256, 32) == direct);
  CHECK(chosen(7, 5, 32, 32) == winograd);
  CHECK(chosen(15, 4, 64, 32) == winograd);
  CHECK(chosen(15, 4, 31, 32) == direct);
  // Without padding the gradient of the input has tiles beyond those of the output, of 9x9 pixels for each phase.
  const auto valid = [](int64_t output, int64_t taps, int64_t channels) {
    const int64_t input = 2 * (output - 1) + taps;
    const Window2d w{{input, input}, {output, output}, {taps, taps}, {2, 2}, {1, 1}, {}};
    return choose_conv2d(Conv2dKernel::kAuto, {w, channels, channels, Activation::kRelu}, 32);
  };
  CHECK(valid(4, 4, 256) == direct);
  CHECK(valid(8, 4, 64) == winograd);
  CHECK(valid(8, 4, 63) == direct);
  CHECK(valid(15, 4, 64) == winograd);
  CHECK(valid(15, 5, 32) == winograd);
  CHECK(chosen(16, 5, 32, 7) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(16, 5, 33, 7) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(12, 5, 32, 1) == Conv2dKernel::kDirectChannels);  // nine tiles
}

TEST_CASE("choose_conv2d: winograd of few channels or filters, where the others are many and most products are saved") {
  const auto chosen = [](const Extent2d& map, int64_t taps, int64_t channels, int64_t filters, int64_t batch = 32) {
    const int64_t before = (taps - 1) / 2;
    const Window2d same{map, map, {taps, taps}, {1, 1}, {1, 1}, {before, taps / 2, before, taps / 2}};
    return choose_conv2d(Conv2dKernel::kAuto, {same, channels, filters, Activation::kRelu}, batch);
  };
  const auto winograd = Conv2dKernel::kWinograd;
  const auto direct = Conv2dKernel::kDirect;
  // Harmonic means of 13, 12.48, 12.8 (twice), 12.6, 11.98.
  CHECK(chosen({8, 8}, 3, 13, 13) == winograd);
  CHECK(chosen({8, 8}, 3, 13, 12) == direct);
  CHECK(chosen({8, 8}, 3, 8, 32) == winograd);
  CHECK(chosen({8, 8}, 3, 32, 8) == winograd);
  CHECK(chosen({8, 8}, 3, 7, 64) == winograd);
  CHECK(chosen({8, 8}, 3, 6, 4096) == direct);
  // 100 of 256 products, 90 of 208: these from a mean of 16 on; 81 of 169.
  CHECK(chosen({6, 6}, 3, 15, 16) == winograd);
  CHECK(chosen({5, 6}, 3, 15, 17) == direct);
  CHECK(chosen({5, 6}, 3, 15, 18) == winograd);
  CHECK(chosen({5, 5}, 3, 15, 64) == direct);
  // Of sections: 2304 of 7569. F(2, 5) saves less.
  CHECK(chosen({16, 16}, 6, 12, 24) == winograd);
  CHECK(chosen({16, 16}, 5, 15, 64) == direct);
  // Half of a block is worth it from six samples on.
  CHECK(chosen({16, 16}, 3, 12, 24, 6) == winograd);
  CHECK(chosen({16, 16}, 3, 12, 24, 5) == Conv2dKernel::kDirectChannels);
}

TEST_CASE("choose_conv2d: winograd from 16 channels and filters on, where half of the products are saved") {
  const auto chosen = [](int64_t size, int64_t channels, int64_t filters, int64_t batch) {
    const Window2d same{{size, size}, {size, size}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    return choose_conv2d(Conv2dKernel::kAuto, {same, channels, filters, Activation::kRelu}, batch);
  };
  CHECK(chosen(8, 16, 16, 16) == Conv2dKernel::kWinograd);
  CHECK(chosen(8, 16, 16, 7) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(4, 16, 16, 3) == Conv2dKernel::kDirectChannels);  // 3 tiles
  CHECK(chosen(8, 256, 256, 1) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(8, 512, 256, 1) == Conv2dKernel::kDirectChannels);  // 18 MB of transformed weights for 4 tiles
  CHECK(chosen(8, 512, 256, 2) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(4, 512, 256, 5) == Conv2dKernel::kDirectChannels);
  CHECK(chosen(4, 512, 256, 6) == Conv2dKernel::kWinogradChannels);
  for (const int64_t size : {2, 3, 5}) CHECK(chosen(size, 16, 31, 64) == Conv2dKernel::kWinograd);
  CHECK(chosen(1, 31, 64, 64) == Conv2dKernel::kDirectPixels);
  // 72 products for 46 taps that meet the map, a row of pixels.
  const Window2d of_a_row{{1, 16}, {1, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {of_a_row, 16, 31, Activation::kRelu}, 64) == Conv2dKernel::kDirect);
  // Without padding 16 products for 36 of a map of 2x2 pixels, 9 for 9 of one, more than half; where windows reach
  // further than the map, 36 for the 36 of 144 that meet it.
  const Window2d to_four{{4, 4}, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {}};
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {to_four, 16, 16, Activation::kRelu}, 32) == Conv2dKernel::kWinograd);
  const Window2d to_one{{3, 3}, {1, 1}, {3, 3}, {1, 1}, {1, 1}, {}};
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {to_one, 16, 16, Activation::kRelu}, 32) == Conv2dKernel::kDirectPixels);
  const Window2d beyond{{2, 2}, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {2, 2, 2, 2}};
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {beyond, 16, 16, Activation::kRelu}, 32) == Conv2dKernel::kWinograd);
  CHECK(chosen(5, 64, 64, 1) == Conv2dKernel::kDirectChannels);  // products of 2.25 whole tiles
  CHECK(chosen(5, 64, 64, 2) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(6, 64, 64, 64) == Conv2dKernel::kWinograd);
  for (const int64_t batch : {13, 16, 64}) CHECK(chosen(4, 64, 64, batch) == Conv2dKernel::kWinograd);
  CHECK(chosen(3, 31, 64, 16) == Conv2dKernel::kWinograd);
  CHECK(chosen(2, 64, 64, 64) == Conv2dKernel::kDirectPixels);  // no more taps meet the map than there are products
  CHECK(chosen(8, 1360, 1360, 32) == Conv2dKernel::kWinograd);
  CHECK(chosen(8, 1376, 1376, 32) == Conv2dKernel::kDirect);  // 68 MB of weights
  Window2d strided{{9, 9}, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {}};
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {strided, 64, 64, Activation::kRelu}, 64) == Conv2dKernel::kDirect);
  strided.stride = {1, 1};
  strided.output = {7, 7};
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {strided, 64, 64, Activation::kRelu}, 64) == Conv2dKernel::kWinograd);
  CHECK(choose_conv2d(Conv2dKernel::kAuto, {strided, 64, 64, Activation::kSoftmax}, 64) == Conv2dKernel::kBlas);
}

TEST_CASE("choose_conv2d: winograd with few samples in the lanes, where they fill vectors better than filters") {
  const auto chosen = [](int64_t side, int64_t size, int64_t channels, int64_t filters, int64_t batch) {
    const int64_t half = side / 2;
    const Window2d same{{size, size}, {size, size}, {side, side}, {1, 1}, {1, 1}, {half, half, half, half}};
    return choose_conv2d(Conv2dKernel::kAuto, {same, channels, filters, Activation::kRelu}, batch);
  };
  const auto fewest = [&](int64_t side, int64_t size, int64_t channels, int64_t filters) {
    int64_t batch = 1;
    while (chosen(side, size, channels, filters, batch) != Conv2dKernel::kWinograd) ++batch;
    return batch;
  };
  CHECK(fewest(3, 16, 17, 17) == 6);
  CHECK(fewest(3, 16, 16, 20) == 7);
  CHECK(fewest(3, 16, 24, 36) == 8);
  CHECK(fewest(3, 8, 36, 36) == 8);
  CHECK(fewest(3, 16, 100, 100) == 13);  // where a whole block of samples fills them
  CHECK(fewest(5, 16, 33, 33) == 7);
  CHECK(fewest(5, 16, 72, 72) == 13);
  CHECK(fewest(5, 16, 24, 24) == 5);  // with filters there it does not pay
  CHECK(fewest(5, 16, 16, 16) == 7);
  for (const int64_t batch : {4, 7}) {
    for (const int64_t channels : {64, 100, 250}) {
      CHECK(chosen(3, 8, channels, channels, batch) == Conv2dKernel::kWinogradChannels);
      CHECK(chosen(3, 4, channels, channels, batch) == Conv2dKernel::kWinogradChannels);
    }
    CHECK(chosen(3, 8, 15, 24, batch) == Conv2dKernel::kDirectChannels);
  }
  CHECK(chosen(3, 8, 24, 24, 1) == Conv2dKernel::kDirectChannels);  // products of 4 whole tiles
  CHECK(chosen(3, 12, 24, 24, 1) == Conv2dKernel::kWinogradChannels);
  CHECK(chosen(3, 8, 40, 40, 1) == Conv2dKernel::kWinogradChannels);
}

TEST_CASE("choose_conv2d: winograd with dilation, by the products that meet the map") {
  const auto chosen = [](int64_t size, const Extent2d& dilation, int64_t channels, int64_t batch) {
    const auto& [rows, columns] = dilation;
    const Window2d same{{size, size}, {size, size}, {3, 3}, {1, 1}, dilation, {rows, rows, columns, columns}};
    return choose_conv2d(Conv2dKernel::kAuto, {same, channels, channels, Activation::kRelu}, batch);
  };
  const auto direct = Conv2dKernel::kDirect;
  const auto winograd = Conv2dKernel::kWinograd;
  CHECK(chosen(8, {2, 2}, 16, 16) == winograd);
  CHECK(chosen(8, {2, 2}, 15, 16) == direct);
  CHECK(chosen(28, {3, 3}, 16, 16) == winograd);  // parts of 10 or 9 rows and columns
  CHECK(chosen(18, {3, 3}, 16, 16) == winograd);  // of 6: 100 of 256
  CHECK(chosen(18, {1, 3}, 16, 16) == winograd);
  CHECK(chosen(14, {3, 3}, 16, 16) == winograd);  // of 5 or 4: 576 of 1296
  CHECK(chosen(10, {2, 2}, 23, 16) == direct);    // of 5: 81 of 169
  CHECK(chosen(10, {2, 2}, 24, 16) == winograd);
  CHECK(chosen(14, {4, 4}, 16, 16) == winograd);  // of 4 or 3
  CHECK(chosen(8, {4, 4}, 256, 16) == direct);    // of 2: 16 of 16
  CHECK(chosen(16, {2, 2}, 32, 4) == Conv2dKernel::kWinogradChannels);
}
