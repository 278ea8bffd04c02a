// Threads: 1 to 3.
#include "layers/conv2d/conv2d.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/reference/activation.h"
#include "kernels/reference/convolution.h"
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

// So large that the rows of their output are made in bands (direct_bands).
const Window2d kLargeStrided{{43, 37}, {22, 19}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}};
const Window2d kLargeDilated{{29, 30}, {29, 30}, {3, 5}, {1, 1}, {2, 2}, {2, 2, 4, 4}};
const Window2d kLargeWide{{9, 110}, {9, 110}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};

}  // namespace

TEST_CASE("conv2d on BLAS: integers agree exactly with the reference over 500 shapes, forward and backward") {
  RandomData random(111);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    check_integers(random, random_convolution(random), "blas");
  }
}

TEST_CASE("conv2d direct: integers agree exactly with the reference over 500 shapes, forward and backward") {
  RandomData random(115);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    check_integers(random, random_convolution(random), "direct");
  }
}

TEST_CASE("conv2d direct: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(116);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      check_integers(random, random_convolution(random), "direct");
    }
  });
}

TEST_CASE("conv2d: integers agree exactly over 60 pointwise shapes") {
  RandomData random(112);
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    reference::Convolution shape = random_convolution(random);
    const Extent2d size{random.pick({1, 5, 7}), random.pick({1, 4, 7})};
    shape.window = {size, size, {1, 1}, {1, 1}, {1, 1}, {}};
    check_integers(random, shape, "blas");
    check_integers(random, shape, "direct");
    shape.batch = random.pick({2, 3, 7});
    check_integers(random, shape, "auto");
  }
}

TEST_CASE("conv2d direct: windows of one pixel by products, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(119);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const int64_t groups = random.pick({1, 1, 2, 3});
      const Extent2d size{random.pick({1, 4, 7}), random.pick({1, 5, 7, 9})};
      const reference::Convolution shape{.window = {size, size, {1, 1}, {1, 1}, {1, 1}, {}},
                                         .batch = random.pick({1, 7, 16, 20, 70, 150}),
                                         .channels = groups * random.pick({8, 9, 17, 40, 64}),
                                         .filters = groups * random.pick({8, 10, 33, 70, 150}),
                                         .groups = groups};
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .kernel = "direct"});
      CHECK(layer.needs({shape.batch, Phase::kPredicting, 1}).kernel == std::string("direct-pointwise"));
      check_integers(random, shape, "direct");
    }
  });
}

TEST_CASE("conv2d direct: each channel with its own filter, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(120);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const int64_t channels = random.pick({2, 3, 5, 17});
      reference::Convolution shape{.window = random_window(random),
                                   .batch = random.pick({1, 7, 16, 20, 70}),
                                   .channels = channels,
                                   .filters = channels,
                                   .groups = channels};
      const Extent2d size{random.integer(1, 12), random.integer(1, 19)};
      if (i % 3 == 1) shape.window = {size, size, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
      if (i % 3 == 2) shape.window = {size, size, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}};
      // Planes that the gradient of the weights reads without a copy, if windows are small enough.
      const Extent2d large{random.integer(23, 26), random.integer(23, 26)};
      if (i % 12 == 0) shape.window = {large, large, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
      if (i % 12 == 3) shape.window = {large, large, {1, 5}, {1, 1}, {1, 1}, {0, 0, 2, 2}};
      if (i % 12 == 6) shape.window = {large, large, {5, 1}, {1, 1}, {1, 1}, {2, 2, 0, 0}};
      if (i % 12 == 9)
        shape.window = {large, {large.height - 1, large.width + 1}, {4, 2}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .kernel = "direct"});
      CHECK(layer.needs({shape.batch, Phase::kPredicting, 1}).kernel == std::string("direct-depthwise"));
      check_integers(random, shape, "direct");
    }
  });
}

TEST_CASE("conv2d direct: rows of seven taps, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(121);
    const Window2d stem{{20, 22}, {10, 11}, {7, 7}, {2, 2}, {1, 1}, {2, 3, 2, 3}};
    const Window2d flat{{3, 20}, {3, 14}, {1, 7}, {1, 1}, {1, 1}, {}};
    for (const int64_t filters : {1, 2, 3, 4, 10}) {
      check_integers(random, {stem, 20, 3, filters, 1}, "direct");
      check_integers(random, {flat, 33, 1, filters, 1}, "direct");
      check_integers(random, {flat, 16, 8, 2 * filters, 2}, "direct");
    }
  });
}

// Fewer columns than a tile has pixels: tiles are columns. One alone also for a few samples.

TEST_CASE("conv2d: narrow images, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(129);
    const Window2d column{{65, 1}, {65, 1}, {7, 1}, {1, 1}, {2, 1}, {6, 6, 0, 0}};
    const Window2d strided{{50, 1}, {24, 1}, {3, 1}, {2, 4}, {1, 3}, {}};
    const Window2d whole_rows{{30, 12}, {28, 1}, {3, 12}, {1, 1}, {1, 1}, {}};
    const Window2d same{{9, 1}, {9, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    const Window2d two{{13, 2}, {13, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    const Window2d three{{31, 7}, {11, 3}, {5, 3}, {3, 2}, {1, 1}, {2, 3, 0, 0}};
    const Window2d pixels{{40, 1}, {40, 1}, {1, 1}, {1, 1}, {1, 1}, {}};
    for (const Window2d& window : {column, strided, whole_rows, same, two, three, pixels}) {
      for (const int64_t batch : {1, 7, 17}) {
        for (const char* kernel : {"auto", "direct", "blas"}) {
          check_integers(random, {window, batch, 10, 33, 1}, kernel);
          check_integers(random, {window, batch, 6, 12, 2}, kernel);
        }
        check_integers(random, {window, batch, 9, 9, 9}, "auto");
      }
      check_integers(random, {window, 33, 32, 48, 1}, "direct");
      // Two columns take Winograd, which rounds.
      if (window.output.width != 2) check_integers(random, {window, 33, 32, 48, 1}, "auto");
    }
  });
}

TEST_CASE("conv2d direct: channels that fill vectors, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(128);
    for (int i = 0; i < 40; ++i) {
      CAPTURE(i);
      const int64_t groups = random.pick({1, 1, 2});
      const reference::Convolution shape{.window = random_window(random),
                                         .batch = random.pick({16, 17, 33}),
                                         .channels = groups * random.pick({32, 48, 80}),
                                         .filters = groups * random.pick({32, 37, 64}),
                                         .groups = groups};
      check_integers(random, shape, "direct");
    }
  });
}

TEST_CASE("conv2d direct: columns that meet zeros at the sides, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(122);
    const Window2d valid{{14, 14}, {10, 10}, {5, 5}, {1, 1}, {1, 1}, {}};  // zeros around the gradient
    const Window2d same{{9, 6}, {9, 6}, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}};
    const Window2d covered{{6, 4}, {6, 4}, {7, 7}, {1, 1}, {1, 1}, {3, 3, 3, 3}};  // zeros at both sides of all columns
    const Window2d uneven{{8, 11}, {8, 6}, {3, 5}, {1, 2}, {1, 1}, {1, 1, 4, 0}};
    const Window2d thin{{2, 19}, {2, 19}, {1, 3}, {1, 1}, {1, 8}, {0, 0, 8, 8}};
    const Window2d spread{{12, 12}, {12, 12}, {3, 3}, {1, 1}, {3, 5}, {3, 3, 5, 5}};
    for (const Window2d& window : {valid, same, covered, uneven, thin, spread}) {
      check_integers(random, {window, 33, 6, 7, 1}, "direct");
      check_integers(random, {window, 16, 10, 15, 5}, "direct");
    }
  });
}

TEST_CASE("conv2d direct: rows in bands, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(137);
    for (const Window2d& window : {kLargeStrided, kLargeDilated, kLargeWide}) {
      for (const int64_t filters : {5, 14, 20}) check_integers(random, {window, 20, 14, filters, 1}, "direct");
      check_integers(random, {window, 17, 30, 26, 2}, "direct");
    }
  });
}

TEST_CASE("conv2d direct: sums over channels in parts, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(139);
    const Window2d strided{{13, 11}, {7, 6}, {7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}};
    const Window2d dilated{{9, 12}, {5, 4}, {3, 5}, {1, 2}, {2, 1}, {}};
    for (int i = 0; i < 3; ++i) {
      check_integers(random, {strided, 20, 26, 40, 1}, "direct");
      check_integers(random, {dilated, 33, 47, 34, 1}, "direct");
      check_integers(random, {strided, 16, 34, 46, 2}, "direct");
    }
  });
}

TEST_CASE("conv2d direct: windows of many taps with strides, integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(140);
    const Window2d of_four{{30, 33}, {14, 15}, {4, 4}, {2, 2}, {1, 1}, {}};
    const Window2d of_eight{{26, 40}, {10, 17}, {8, 8}, {2, 2}, {1, 1}, {0, 1, 0, 1}};
    const Window2d of_eleven{{25, 31}, {9, 11}, {11, 11}, {3, 3}, {1, 1}, {5, 5, 5, 5}};
    const Window2d long_row{{3, 70}, {3, 9}, {1, 54}, {1, 2}, {1, 1}, {}};
    const Window2d column{{70, 5}, {9, 3}, {54, 1}, {2, 2}, {1, 1}, {}};
    for (const Window2d& window : {of_four, of_eight, of_eleven, long_row, column}) {
      for (const int64_t filters : {1, 2, 3, 5}) check_integers(random, {window, 33, 3, filters, 1}, "direct");
      check_integers(random, {window, 17, 7, 4, 1}, "direct");
    }
  });
}

TEST_CASE("conv2d: strides far beyond the map take no time, integers agree exactly") {
  constexpr int64_t kFar = int64_t{1} << 30;
  RandomData random(152);
  for (const Extent2d stride : {Extent2d{kFar, kFar}, Extent2d{1, kFar}, Extent2d{kFar, 2}}) {
    const auto outputs = [](int64_t extent, int64_t step) { return (extent - 1) / step + 1; };
    const Window2d w{{6, 5},      {outputs(6, stride.height), outputs(5, stride.width)}, {3, 3}, stride, {1, 1},
                     {1, 1, 1, 1}};
    check_integers(random, {w, 17, 16, 20, 1}, "direct");
    check_integers(random, {w, 17, 24, 24, 24}, "direct");
    check_integers(random, {w, 3, 128, 80, 1}, "auto");
    check_integers(random, {w, 3, 40, 40, 40}, "auto");
    check_integers(random, {w, 3, 5, 9, 1}, "blas");
  }
}

TEST_CASE("conv2d: integers agree exactly where work is cut into many products and partial sums") {
  RandomData random(113);
  const Window2d same3{{24, 24}, {24, 24}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  const Window2d strided{{27, 31}, {12, 14}, {5, 5}, {2, 2}, {1, 1}, {0, 1, 0, 1}};
  const Window2d pointwise{{20, 20}, {20, 20}, {1, 1}, {1, 1}, {1, 1}, {}};
  const Window2d depthwise{{16, 16}, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  for (const std::string kernel : {"blas", "direct"}) {
    check_integers(random, {same3, 33, 7, 10, 1}, kernel);
    check_integers(random, {same3, 7, 10, 20, 2}, kernel);
    check_integers(random, {strided, 20, 3, 32, 1}, kernel);
    check_integers(random, {pointwise, 33, 20, 33, 1}, kernel);
    check_integers(random, {depthwise, 33, 20, 20, 20}, kernel);
    // Of few channels, often without the gradient of the input: pieces of the batch, in jobs that sum the bias's, too.
    for (int i = 0; i < 12; ++i) check_integers(random, {same3, 47, 3, 5, 1}, kernel);
  }
}

TEST_CASE("conv2d: real numbers with every activation, within bounds from epsilon and length") {
  RandomData random(114);
  for (const std::string name : {"linear", "relu", "tanh", "sigmoid", "softmax"}) {
    for (int i = 0; i < 12; ++i) {
      CAPTURE(name);
      CAPTURE(i);
      reference::Convolution shape = random_convolution(random);
      if (i % 4 == 3) {
        const Extent2d size{7, random.integer(1, 7)};
        shape = {
            .window = {size, size, {1, 1}, {1, 1}, {1, 1}, {}}, .batch = 20, .channels = 9, .filters = 11, .groups = 1};
      }
      const bool large = i == 11;
      if (large) shape = {.window = kLargeStrided, .batch = 16, .channels = 12, .filters = 14, .groups = 1};
      const bool rows = name == "softmax" || (!large && random.integer(0, 1) == 0);
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .activation = name, .kernel = rows ? "blas" : "direct"});
      LayerCase given = normal_case(layer, shape.batch, random);
      given.input_gradient = i % 2 == 1;
      const LayerResult result = run_layer(layer, given);
      const Activation activation = parse_activation(name);
      const std::vector<double> x = to_double(given.x);
      const std::vector<double> weight = to_double(given.parameters[0]);
      const std::vector<double> bias = to_double(given.parameters[1]);
      const auto pixels = static_cast<int64_t>(result.y.size()) / shape.filters;

      std::vector<double> y(result.y.size());
      reference::conv2d(shape, x.data(), weight.data(), bias.data(), y.data());
      std::vector<double> size(result.y.size());
      reference::conv2d(shape, magnitudes(x).data(), magnitudes(weight).data(), magnitudes(bias).data(), size.data());
      double largest = 0;
      for (const double z : size) largest = std::max(largest, z);
      std::vector<double> dz = to_double(given.dy);
      const std::vector<double> outputs = to_double(result.y);
      double dz_size = 0;
      for (int64_t p = 0; p < pixels; ++p) {
        reference::activate(activation, shape.filters, y.data() + p * shape.filters, y.data() + p * shape.filters);
        double row = 0;
        for (int64_t k = 0; k < shape.filters; ++k) row += std::abs(dz[static_cast<size_t>(p * shape.filters + k)]);
        dz_size = std::max(dz_size, row);
        reference::activation_backward(activation, shape.filters, outputs.data() + p * shape.filters,
                                       dz.data() + p * shape.filters);
      }
      const int64_t depth = shape.window.taps() * shape.channels / shape.groups;
      CHECK(difference(result.y, y, Tolerance{0, (static_cast<double>(depth) + 32) * kRoundoff * largest}) == "");

      // Every dz at its largest possible magnitude.
      const ConvolutionValues expected = reference_of(shape, x, weight, bias.data(), dz);
      const ConvolutionValues bound =
          reference_of(shape, magnitudes(x), magnitudes(weight), nullptr, std::vector<double>(dz.size(), dz_size));
      const auto check = [&](const std::vector<float>& actual, const std::vector<double>& right,
                             const std::vector<double>& magnitude, int64_t terms) {
        std::vector<double> bounds = magnitude;
        for (double& b : bounds) b *= (static_cast<double>(terms) + 8) * kRoundoff;
        CHECK(difference(actual, right, bounds) == "");
      };
      if (given.input_gradient)
        check(result.dx, expected.dx, bound.dx, shape.window.taps() * shape.filters / shape.groups);
      check(result.gradients[0], expected.weight, bound.weight, pixels);
      check(result.gradients[1], expected.bias, bound.bias, pixels);
    }
  }
}

TEST_CASE("conv2d: files hold weights as [filters, channels, height, width]") {
  const Conv2d layer(conv2d({.filters = 2, .kernel_size = {2, 3}}), {4, 4, 5});
  CHECK(layer.parameters()[0].shape == Shape{2, 5, 2, 3});
  std::vector<float> file(60);
  for (size_t i = 0; i < file.size(); ++i) file[i] = static_cast<float>(i);
  std::vector<float> stored(60);
  layer.from_file_layout(0, file.data(), stored.data());
  // Filter 1, channel 3, row 0, column 2 of the file stands at [1, 0, 2, 3] of the layer.
  CHECK(stored[((1 * 2 + 0) * 3 + 2) * 5 + 3] == file[((1 * 5 + 3) * 2 + 0) * 3 + 2]);
}
