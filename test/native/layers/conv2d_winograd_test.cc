// Threads: 1 to 11.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/checked.h"
#include "kernels/reference/activation.h"
#include "kernels/reference/convolution.h"
#include "kernels/winograd_sections.h"
#include "kernels/winograd_tiles.h"
#include "layers/conv2d.h"
#include "support/compare.h"
#include "support/conv2d_cases.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

Window2d window_of(const Extent2d& taps, const Extent2d& input, const Padding2d& padding,
                   const Extent2d& dilation = {1, 1}, const Extent2d& stride = {1, 1}) {
  const Extent2d pixels{input.height + padding.top + padding.bottom - (taps.height - 1) * dilation.height,
                        input.width + padding.left + padding.right - (taps.width - 1) * dilation.width};
  const Extent2d output{ceil_divide(pixels.height, stride.height), ceil_divide(pixels.width, stride.width)};
  return {input, output, taps, stride, dilation, padding};
}

Window2d window3(const Extent2d& input, const Padding2d& padding, const Extent2d& dilation = {1, 1}) {
  return window_of({3, 3}, input, padding, dilation);
}

Conv2d make_layer(const reference::Convolution& shape, Conv2dOptions options, const std::string& kernel = "winograd") {
  options.kernel = kernel;
  return conv2d_layer(shape, options);
}

// Maps, paddings, channels and batches that are no multiples of anything.
reference::Convolution random_shape(RandomData& random, const Extent2d& dilation = {1, 1},
                                    const Extent2d& taps = {3, 3}, const Extent2d& stride = {1, 1}) {
  const int64_t rows = taps.height / 2 * dilation.height;
  const int64_t columns = taps.width / 2 * dilation.width;
  const Padding2d padding = random.pick<Padding2d>({{rows, rows, columns, columns},
                                                    {rows, rows, columns, columns},
                                                    {0, 0, 0, 0},
                                                    {2 * rows, 2 * rows, 2 * columns, 2 * columns},
                                                    {0, 1, 2, 3},
                                                    {4, 0, 1, 5}});
  const auto size = [&](int64_t before, int64_t after, int64_t apart) {
    return random.pick<int64_t>({1, 3, 5, 7, 8, 13}) + std::max<int64_t>(0, 2 * apart - before - after);
  };
  const Extent2d input{size(padding.top, padding.bottom, rows), size(padding.left, padding.right, columns)};
  const int64_t groups = random.pick({1, 1, 1, 1, 2, 3});
  return {.window = window_of(taps, input, padding, dilation, stride),
          .batch = random.pick({1, 7, 16, 20, 33}),
          .channels = groups * random.pick({1, 3, 7, 10, 64}),
          .filters = groups * random.pick({1, 3, 7, 10, 64}),
          .groups = groups};
}

// Errors of normal data in units of 2^-24 times the standard deviation of a sum of as many products: the bound that
// kernels/conv2d_winograd.h states, and what a plain sum has.
constexpr double kWinogradError = 256;
constexpr double kPlainError = 32;

void check_error(const std::vector<float>& actual, const std::vector<double>& expected, int64_t terms, double units) {
  const double bound = units * kRoundoff * std::sqrt(static_cast<double>(terms));
  CHECK(difference(actual, expected, Tolerance{0, bound}) == "");
}

// As many as there were if all of the window's sections were whole.
int64_t taps_of_sections(const Window2d& w) { return winograd_sections(w, winograd_form(w).taps()).all_channels(); }

// `kernel`: as asked for; `chosen`: as it then is.
void check_normal(RandomData& random, const reference::Convolution& shape, const std::string& activation_name,
                  const std::string& kernel = "winograd", const std::string& chosen = "winograd") {
  const Window2d& w = shape.window;
  CAPTURE(shape.batch);
  CAPTURE(shape.channels);
  CAPTURE(shape.filters);
  CAPTURE(shape.groups);
  CAPTURE(w.input.height);
  CAPTURE(w.input.width);
  CAPTURE(activation_name);
  const bool bias = random.integer(0, 3) > 0;
  const Conv2d layer = make_layer(shape, {.filters = 0, .bias = bias, .activation = activation_name}, kernel);
  CHECK(layer.needs({shape.batch, Phase::kTraining, 1}).kernel == chosen);
  LayerCase given = normal_case(layer, shape.batch, random);
  given.threads = static_cast<int>(random.integer(1, 3));
  given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
  given.input_gradient = random.integer(0, 3) > 0;
  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");

  const std::vector<double> x = to_double(given.x);
  const std::vector<double> weight = to_double(given.parameters[0]);
  const std::vector<double> biases = bias ? to_double(given.parameters[1]) : std::vector<double>();
  std::vector<double> y(result.y.size());
  reference::conv2d(shape, x.data(), weight.data(), bias ? biases.data() : nullptr, y.data());
  const Activation activation = parse_activation(activation_name);
  const auto elements = static_cast<int64_t>(y.size());
  reference::activate(activation, elements, y.data(), y.data());
  // The derivative follows from the output as it was computed.
  std::vector<double> dz = to_double(given.dy);
  reference::activation_backward(activation, elements, to_double(result.y).data(), dz.data());
  std::vector<double> dx(x.size());
  std::vector<double> dw(weight.size());
  std::vector<double> db(static_cast<size_t>(shape.filters));
  reference::conv2d_backward(shape, x.data(), weight.data(), dz.data(), {dx.data(), dw.data(), db.data()});

  const int64_t taps = taps_of_sections(w);
  const int64_t pixels = elements / shape.filters;
  check_error(result.y, y, taps * shape.channels / shape.groups, kWinogradError);
  if (given.input_gradient) check_error(result.dx, dx, taps * shape.filters / shape.groups, kWinogradError);
  check_error(result.gradients[0], dw, pixels, kWinogradError);
  if (bias) check_error(result.gradients[1], db, pixels, kPlainError);
  given.phase = Phase::kPredicting;
  const LayerResult predicted = run_layer(layer, given);
  CHECK(predicted.broken_rules == "");
  CHECK(difference_in_bits(predicted.y, result.y) == "");
}

}  // namespace

TEST_CASE("conv2d winograd: normal values within the error bound, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(121);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      check_normal(random, random_shape(random), random.pick<const char*>({"linear", "relu", "tanh"}));
    }
  });
}

TEST_CASE("conv2d winograd of 5x5: normal values within the error bound, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(127);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const auto dilation = random.pick<Extent2d>({{1, 1}, {1, 1}, {1, 1}, {2, 2}, {1, 3}});
      check_normal(random, random_shape(random, dilation, {5, 5}),
                   random.pick<const char*>({"linear", "relu", "tanh"}));
    }
  });
}

TEST_CASE("conv2d winograd along one axis: normal values within the error bound, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(130);
    for (int i = 0; i < 80; ++i) {
      CAPTURE(i);
      const auto taps = random.pick<Extent2d>({{1, 3}, {3, 1}, {1, 5}, {5, 1}, {1, 7}, {2, 1}, {9, 1}});
      const auto dilation = random.pick<Extent2d>({{1, 1}, {1, 1}, {1, 1}, {2, 2}, {3, 1}, {1, 9}});
      check_normal(random, random_shape(random, dilation, taps), random.pick<const char*>({"linear", "relu", "tanh"}));
    }
  });
}

TEST_CASE("conv2d winograd of sections: normal values within the error bound, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(133);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const auto taps = random.pick<Extent2d>({{2, 2}, {4, 4}, {3, 5}, {5, 2}, {7, 7}, {6, 4}, {3, 11}});
      const auto dilation = random.pick<Extent2d>({{1, 1}, {1, 1}, {1, 1}, {2, 2}, {1, 3}});
      check_normal(random, random_shape(random, dilation, taps), random.pick<const char*>({"linear", "relu", "tanh"}));
    }
  });
}

TEST_CASE("conv2d winograd with strides: normal values within the error bound, on every instruction set") {
  struct Strided {
    Extent2d taps;
    Extent2d stride;
    Extent2d dilation = {1, 1};
  };
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(134);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const auto [taps, stride, dilation] = random.pick<Strided>({{{5, 5}, {2, 2}},
                                                                  {{4, 4}, {2, 2}},
                                                                  {{3, 3}, {2, 2}},
                                                                  {{7, 7}, {2, 2}},
                                                                  {{7, 7}, {3, 3}},
                                                                  {{6, 4}, {4, 3}},
                                                                  {{2, 2}, {2, 2}},
                                                                  {{5, 1}, {2, 1}},
                                                                  {{1, 9}, {1, 2}},
                                                                  {{5, 3}, {2, 1}, {1, 3}},
                                                                  {{4, 5}, {1, 2}, {2, 1}}});
      CAPTURE(taps.height);
      CAPTURE(taps.width);
      CAPTURE(stride.height);
      CAPTURE(stride.width);
      check_normal(random, random_shape(random, dilation, taps, stride),
                   random.pick<const char*>({"linear", "relu", "tanh"}));
    }
  });
}

TEST_CASE("conv2d winograd along one axis: within the error bound where work is cut into many chunks and long sums") {
  RandomData random(131);
  check_normal(random, {window_of({1, 3}, {16, 16}, {0, 0, 1, 1}), 33, 64, 64, 1}, "linear");
  check_normal(random, {window_of({3, 1}, {16, 16}, {1, 1, 0, 0}), 16, 256, 20, 1}, "relu");
  check_normal(random, {window_of({1, 5}, {1, 300}, {0, 0, 2, 2}), 20, 20, 128, 1}, "relu");
  check_normal(random, {window_of({5, 1}, {37, 31}, {}), 20, 3, 17, 1}, "sigmoid");
  check_normal(random, {window_of({7, 7}, {16, 16}, {3, 3, 3, 3}), 33, 24, 28, 1}, "linear");
  check_normal(random, {window_of({5, 5}, {32, 32}, {1, 2, 1, 2}, {1, 1}, {2, 2}), 33, 48, 32, 1}, "relu");
  // With filters in the lanes: too few pixels for the gradient of the weights, and no padding.
  const std::string in_rows = "winograd-channels";
  check_normal(random, {window_of({1, 7}, {1, 64}, {0, 0, 3, 3}), 1, 64, 80, 1}, "relu", "auto", in_rows);
  check_normal(random, {window_of({7, 7}, {22, 26}, {}), 1, 32, 48, 1}, "linear", "auto", in_rows);
}

TEST_CASE("conv2d winograd of 5x5: within the error bound where work is cut into many chunks and long sums") {
  RandomData random(128);
  const Padding2d same{2, 2, 2, 2};
  check_normal(random, {window_of({5, 5}, {16, 16}, same), 33, 64, 64, 1}, "linear");
  check_normal(random, {window_of({5, 5}, {8, 8}, same), 16, 256, 20, 1}, "relu");
  check_normal(random, {window_of({5, 5}, {8, 8}, same), 16, 20, 256, 1}, "relu");
  check_normal(random, {window_of({5, 5}, {37, 31}, {}), 20, 3, 17, 1}, "sigmoid");
}

TEST_CASE("conv2d winograd with dilation: normal values within the error bound, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(125);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const auto dilation = random.pick<Extent2d>({{2, 2}, {2, 2}, {3, 3}, {4, 4}, {2, 1}, {1, 3}, {5, 2}, {9, 9}});
      CAPTURE(dilation.height);
      CAPTURE(dilation.width);
      check_normal(random, random_shape(random, dilation), random.pick<const char*>({"linear", "relu", "tanh"}));
    }
  });
}

TEST_CASE("conv2d winograd with dilation: values and gradients are those of the parts, each a convolution without") {
  RandomData random(126);
  constexpr int64_t kDilation = 2;
  constexpr int64_t kSide = 14;
  constexpr int64_t kHalf = kSide / kDilation;
  const reference::Convolution whole{
      window3({kSide, kSide}, {kDilation, kDilation, kDilation, kDilation}, {kDilation, kDilation}), 18, 5, 19, 1};
  const reference::Convolution part{window3({kHalf, kHalf}, {1, 1, 1, 1}), 18, 5, 19, 1};
  const Conv2d layer = make_layer(whole, {.filters = 0});
  const Conv2d of_part = make_layer(part, {.filters = 0});
  LayerCase given = normal_case(layer, whole.batch, random);
  const LayerResult result = run_layer(layer, given);
  given.threads = 3;
  const LayerResult by_three = run_layer(layer, given);
  CHECK(difference_in_bits(by_three.y, result.y) == "");
  CHECK(difference_in_bits(by_three.dx, result.dx) == "");
  CHECK(difference_in_bits(by_three.gradients[0], result.gradients[0]) == "");
  const auto part_of = [&](const std::vector<float>& images, int64_t channels, int64_t row, int64_t column) {
    std::vector<float> values;
    for (int64_t sample = 0; sample < whole.batch; ++sample) {
      for (int64_t p = row; p < kSide; p += kDilation) {
        for (int64_t q = column; q < kSide; q += kDilation) {
          const auto at = images.begin() + ((sample * kSide + p) * kSide + q) * channels;
          values.insert(values.end(), at, at + channels);
        }
      }
    }
    return values;
  };
  for (int64_t row = 0; row < kDilation; ++row) {
    for (int64_t column = 0; column < kDilation; ++column) {
      LayerCase of_this = given;
      of_this.x = part_of(given.x, part.channels, row, column);
      of_this.dy = part_of(given.dy, part.filters, row, column);
      const LayerResult expected = run_layer(of_part, of_this);
      CHECK(difference_in_bits(part_of(result.y, part.filters, row, column), expected.y) == "");
      CHECK(difference_in_bits(part_of(result.dx, part.channels, row, column), expected.dx) == "");
    }
  }
}

TEST_CASE("conv2d winograd: normal values within the error bound where work is cut into many chunks and long sums") {
  RandomData random(122);
  const Padding2d same{1, 1, 1, 1};
  check_normal(random, {window3({16, 16}, same), 33, 64, 64, 1}, "linear");
  check_normal(random, {window3({8, 8}, same), 16, 256, 20, 1}, "relu");
  check_normal(random, {window3({8, 8}, same), 16, 20, 256, 1}, "relu");
  check_normal(random, {window3({37, 31}, {}), 20, 3, 17, 1}, "sigmoid");
  check_normal(random, {window3({33, 31}, {4, 4, 2, 2}, {4, 2}), 33, 64, 64, 1}, "linear");
}

namespace {

void check_bits_of_threads(RandomData& random, const Conv2d& layer, int64_t batch, std::initializer_list<int> counts) {
  LayerCase given = normal_case(layer, batch, random);
  given.threads = 1;
  const LayerResult alone = run_layer(layer, given);
  for (const int threads : counts) {
    CAPTURE(threads);
    given.threads = threads;
    const LayerResult shared = run_layer(layer, given);
    CHECK(shared.broken_rules == "");
    CHECK(difference_in_bits(shared.y, alone.y) == "");
    CHECK(difference_in_bits(shared.dx, alone.dx) == "");
    for (size_t i = 0; i < 2; ++i) CHECK(difference_in_bits(shared.gradients[i], alone.gradients[i]) == "");
  }
}

}  // namespace

TEST_CASE("conv2d winograd: the same bits from one to eleven threads, who share tiles, filters and channels") {
  RandomData random(129);
  const Padding2d same{1, 1, 1, 1};
  const Padding2d same5{2, 2, 2, 2};
  for (const reference::Convolution& shape : std::initializer_list<reference::Convolution>{
           {window3({8, 8}, same), 16, 24, 20, 1},    // four tiles, few filters: channels are shared
           {window3({8, 8}, same), 33, 160, 130, 1},  // many: filters, and channels are transformed together
           {window3({8, 8}, same), 16, 40, 336, 2},   // the same in groups, each with channels of its own
           // Few tiles for so many: the gradient is made part by part, unless there are eleven threads.
           {window3({8, 8}, same), 16, 160, 130, 1},
           // Fewer, for which filters are transformed part by part, too; in groups, with dilation and larger windows.
           {window3({4, 4}, same), 20, 130, 150, 1},
           {window3({5, 3}, same), 9, 300, 280, 2},
           {window3({6, 5}, {2, 2, 2, 2}, {2, 2}), 7, 130, 150, 1},
           {window_of({5, 5}, {2, 4}, same5), 16, 130, 150, 1},
           {window3({16, 16}, same), 48, 64, 64, 1},  // tiles enough for pieces
           {window3({16, 13}, same), 16, 20, 37, 1},  // 16 tiles: pieces of four
           {window3({7, 7}, same), 33, 192, 192, 1},
           // Along one axis: many chunks, few filters, part by part.
           {window_of({1, 3}, {16, 16}, {0, 0, 1, 1}), 33, 64, 64, 1},
           {window_of({5, 1}, {8, 8}, {2, 2, 0, 0}), 20, 24, 20, 2},
           {window_of({3, 1}, {4, 2}, {1, 1, 0, 0}), 16, 320, 336, 1},
           // Of sections: shares of channels that begin within one, transformed together, part by part.
           {window_of({7, 7}, {9, 8}, {3, 3, 3, 3}), 16, 20, 20, 1},
           {window_of({4, 4}, {8, 8}, {1, 2, 1, 2}), 33, 50, 130, 1},
           {window_of({4, 4}, {4, 4}, {1, 2, 1, 2}), 16, 50, 130, 2},
           {window_of({1, 7}, {16, 16}, {0, 0, 3, 3}), 48, 24, 40, 1},
           // Of phases.
           {window_of({5, 5}, {16, 17}, {1, 2, 2, 2}, {1, 1}, {2, 2}), 33, 20, 24, 1},
           {window_of({4, 4}, {16, 16}, {1, 1, 1, 1}, {1, 1}, {2, 2}), 16, 48, 140, 2},
           {window_of({4, 4}, {8, 8}, {1, 1, 1, 1}, {1, 1}, {2, 2}), 16, 160, 130, 1}}) {
    check_normal(random, shape, "relu");
    check_bits_of_threads(random, make_layer(shape, {.filters = 0, .activation = "tanh"}), shape.batch, {2, 3, 5, 11});
  }
}

TEST_CASE("conv2d winograd: of few tiles and many channels no plane of all filters is kept") {
  const auto needs = [](const Extent2d& map, int threads) {
    const reference::Convolution shape{window3(map, {1, 1, 1, 1}), 16, 256, 256, 1};
    return make_layer(shape, {.filters = 0}).needs({shape.batch, Phase::kTraining, threads});
  };
  constexpr int64_t kAll = 36 * 256 * 256;
  CHECK(needs({4, 4}, 1).forward_scratch < kAll);
  CHECK(needs({4, 4}, 1).backward_scratch < kAll);
  CHECK(needs({4, 12}, 1).forward_scratch > kAll);
  CHECK(needs({4, 12}, 1).backward_scratch > kAll);
  // More threads than panels of filters share channels.
  CHECK(needs({4, 4}, 17).backward_scratch > kAll);
}

TEST_CASE("conv2d winograd: eight samples and fewer in a last block have the bits that they have among sixteen") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(141);
    const Padding2d same{1, 1, 1, 1};
    for (const reference::Convolution& shape : std::initializer_list<reference::Convolution>{
             {window3({13, 17}, same), 24, 20, 37, 1},  // strips of 1 and 4 tiles
             {window3({7, 7}, {}), 3, 10, 70, 2},       // an odd number of tiles, which are pixels outside in part
             {window3({8, 8}, same), 33, 160, 130, 1},  // channels that are transformed together
             {window3({4, 4}, same), 20, 130, 150, 1},  // part by part
             {window3({11, 12}, {2, 2, 2, 2}, {2, 2}), 40, 16, 16, 1},
             {window_of({5, 5}, {14, 10}, {2, 2, 2, 2}), 49, 33, 18, 1},
             {window_of({1, 3}, {14, 13}, {0, 0, 1, 1}), 24, 33, 18, 1},
             {window_of({5, 1}, {14, 10}, {2, 2, 0, 0}), 7, 33, 40, 1},
             {window_of({4, 4}, {14, 10}, {1, 2, 1, 2}), 20, 33, 18, 1},
             {window_of({32, 1}, {3, 4}, {16, 15, 0, 0}), 7, 1, 18, 1}}) {
      CAPTURE(shape.batch);
      for (const bool pools : {false, true}) {
        if (pools && (shape.window.output.height % 2 > 0 || shape.window.output.width % 2 > 0)) continue;
        if (pools && shape.window.dilation.height > 1) continue;
        if (pools && std::min(shape.window.window.height, shape.window.window.width) == 1) continue;
        const Conv2d layer = make_layer(shape, {.filters = 0, .activation = "relu"});
        LayerCase part = normal_case(layer, shape.batch, random);
        if (pools) {
          const Extent2d maps = shape.window.output;
          const Extent2d maxima{maps.height / 2, maps.width / 2};
          part.pooling = Window2d{maps, maxima, {2, 2}, {2, 2}, {1, 1}, {}};
          part.dy.resize(part.dy.size() / 4);
        }
        part.threads = static_cast<int>(random.integer(1, 3));
        LayerCase whole = part;
        whole.batch = round_up(shape.batch, kLanes);
        const auto samples = static_cast<size_t>(whole.batch);
        whole.x.resize(part.x.size() / part.batch * samples, 1.5F);
        whole.dy.resize(part.dy.size() / part.batch * samples, 0);
        const LayerResult actual = run_layer(layer, part);
        LayerResult expected = run_layer(layer, whole);
        CHECK(actual.broken_rules == "");
        expected.y.resize(actual.y.size());
        expected.dx.resize(actual.dx.size());
        CHECK(difference_in_bits(actual.y, expected.y) == "");
        CHECK(difference_in_bits(actual.dx, expected.dx) == "");
        for (size_t i = 0; i < 2; ++i) CHECK(difference_in_bits(actual.gradients[i], expected.gradients[i]) == "");
      }
    }
  });
}

TEST_CASE(
    "conv2d winograd for a few samples: the same bits from one to nine threads, each with chunks or all with one") {
  RandomData random(132);
  const Padding2d same{1, 1, 1, 1};
  const Padding2d same5{2, 2, 2, 2};
  for (const reference::Convolution& shape : std::initializer_list<reference::Convolution>{
           {window3({64, 61}, same), 3, 16, 32, 1},  // 12 chunks, 6 pieces
           {window3({47, 64}, same), 7, 32, 64, 2},  // in groups, 8 pieces
           {window_of({5, 5}, {24, 25}, same5, {1, 1}), 6, 32, 32, 1},
           {window3({32, 32}, same), 4, 64, 80, 1},    // 4 chunks, which several threads have of their own
           {window3({16, 16}, same), 4, 32, 160, 1},   // filters for few tiles
           {window3({16, 16}, same), 1, 128, 160, 1},  // for fewer, made part by part, of blocks of channels
           {window3({8, 8}, same), 3, 128, 256, 2},    // likewise in groups
           {window3({12, 9}, same), 2, 320, 80, 1},    // the last block smaller
           {window3({28, 25}, same), 2, 80, 256, 1},   // 98 tiles by part, two chunks for the gradient
           {window3({28, 28}, same), 3, 160, 64, 1},   // 147, blocks of filters that are there
           {window_of({1, 3}, {16, 16}, {0, 0, 1, 1}), 1, 128, 160, 1},   // along one axis, by part
           {window_of({7, 7}, {16, 16}, {3, 3, 3, 3}), 1, 64, 96, 2},     // of sections, by part
           {window_of({2, 2}, {32, 31}, {0, 1, 0, 1}), 4, 64, 64, 1},     // and by chunks
           {window_of({5, 1}, {32, 31}, {2, 2, 0, 0}), 4, 64, 64, 1}}) {  // and by chunks
    check_normal(random, shape, "relu", "auto", "winograd-channels");
    const Conv2d layer = make_layer(shape, {.filters = 0, .activation = "tanh"}, "auto");
    check_bits_of_threads(random, layer, shape.batch, {2, 3, 9});
  }
}

TEST_CASE("conv2d winograd for a few samples, filters in the lanes: within the error bound on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(124);
    for (int i = 0; i < 40; ++i) {
      CAPTURE(i);
      const auto dilation = random.pick<Extent2d>({{1, 1}, {1, 1}, {2, 2}, {1, 2}});
      const auto side = random.pick<int64_t>({3, 5});
      reference::Convolution shape = random_shape(random, dilation, {side, side});
      const Padding2d padding = shape.window.padding;
      const auto size = [&](int64_t before, int64_t after, int64_t apart) {
        return apart * (random.pick<int64_t>({8, side == 3 ? 11 : 12, 16}) + side - 1) - before - after;
      };
      const Extent2d input{size(padding.top, padding.bottom, dilation.height),
                           size(padding.left, padding.right, dilation.width)};
      shape.window = window_of({side, side}, input, padding, dilation);
      shape.batch = random.pick({1, 2, 7, 9});
      shape.channels = shape.groups * random.pick({side == 3 ? 16 : 64, 32, 48});
      shape.filters = shape.groups * random.pick({side == 3 ? 16 : 32, 48, 80});
      check_normal(random, shape, random.pick<const char*>({"linear", "relu", "tanh"}), "auto", "winograd-channels");
    }
  });
}

TEST_CASE("conv2d winograd for a few samples along one axis and of sections: within the error bound on every target") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(142);
    for (int i = 0; i < 40; ++i) {
      CAPTURE(i);
      const auto taps = random.pick<Extent2d>({{1, 3}, {3, 1}, {1, 5}, {5, 1}, {2, 2}, {3, 5}, {4, 4}, {7, 7}, {1, 9}});
      const auto dilation = random.pick<Extent2d>({{1, 1}, {1, 1}, {2, 2}, {1, 3}});
      const Extent2d input{dilation.height * random.pick({16, 20}), dilation.width * random.pick({16, 20})};
      const Padding2d same{(taps.height - 1) / 2 * dilation.height, taps.height / 2 * dilation.height,
                           (taps.width - 1) / 2 * dilation.width, taps.width / 2 * dilation.width};
      const int64_t groups = random.pick({1, 1, 2});
      const reference::Convolution shape{.window = window_of(taps, input, same, dilation),
                                         .batch = random.pick({1, 2, 7, 9}),
                                         .channels = groups * random.pick({32, 48, 64}),
                                         .filters = groups * random.pick({32, 48, 80}),
                                         .groups = groups};
      check_normal(random, shape, random.pick<const char*>({"linear", "relu", "tanh"}), "auto", "winograd-channels");
    }
  });
}

TEST_CASE("conv2d winograd: an input that is not finite leaves no finite output that depends on it") {
  RandomData random(123);
  const reference::Convolution shape{window3({9, 7}, {1, 1, 1, 1}), 17, 3, 5, 1};
  const Conv2d layer = make_layer(shape, {.filters = 0});
  for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    LayerCase given = normal_case(layer, shape.batch, random);
    given.x[((16 * 9 + 4) * 7 + 3) * 3 + 1] = value;  // sample 16, pixel (4, 3)
    const LayerResult result = run_layer(layer, given);
    for (size_t p = 3; p <= 5; ++p) {
      for (size_t q = 2; q <= 4; ++q) {
        for (size_t k = 0; k < 5; ++k) CHECK(!std::isfinite(result.y[((16 * 9 + p) * 7 + q) * 5 + k]));
      }
    }
  }
}

TEST_CASE("conv2d by Winograd: says in any phase what its products of a forward pass are") {
  for (const int64_t batch : {4, 16}) {
    const Conv2d layer(conv2d({.filters = 32, .padding = "same", .kernel = "auto"}), {12, 13, 32});
    const LayerNeeds training = layer.needs({batch, Phase::kTraining, 1});
    const LayerNeeds predicting = layer.needs({batch, Phase::kPredicting, 1});
    CHECK(predicting.kernel == std::string(batch == 4 ? "winograd-channels" : "winograd"));
    REQUIRE((training.flops && predicting.flops));
    CHECK(predicting.flops->forward == training.flops->forward);
    CHECK(predicting.flops->forward < static_cast<double>(batch * layer.flops()));
  }
}
