// Convolutions with filters or groups in the lanes, and those that move between layouts. Threads: 1 to 3.
#include "layers/conv2d/conv2d.h"

#include <doctest/doctest.h>

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

TEST_CASE("conv2d for a few samples, filters in the lanes: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(118);
    for (int i = 0; i < 80; ++i) {
      CAPTURE(i);
      reference::Convolution shape = random_convolution(random);
      shape.batch = random.pick({1, 2, 7});
      shape.filters = shape.groups * (shape.groups == 1 ? random.pick({shape.batch == 7 ? 9 : 4, 16, 33, 70, 130})
                                                        : random.pick({25, 33, 64, 70, 130}));
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .kernel = "auto"});
      CHECK(layer.needs({shape.batch, Phase::kPredicting, 1}).kernel == std::string("direct-channels"));
      check_integers(random, shape, "auto");
    }
  });
}

TEST_CASE("conv2d for a few samples, in small groups: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(122);
    for (int i = 0; i < 160; ++i) {
      CAPTURE(i);
      const bool single = i % 2 == 0;
      const int64_t groups = random.pick({2, 3, 8, 17, 48, 63, 65, 130});
      reference::Convolution shape{
          .window = random_window(random),
          .batch = (groups == 48 || groups == 63) && single ? random.pick({1, 2, 7, 9, 18}) : random.pick({1, 2, 7}),
          .channels = groups * (single ? 1 : random.pick({1, 2, 3})),
          .filters = groups * (single ? 1 : random.pick({1, 2, 5})),
          .groups = groups};
      // Wider than a job's table of columns; strides that divide the dilation or not.
      if (i / 2 % 4 == 1) shape.window = {{3, 70}, {3, 70}, {3, 5}, {1, 1}, {1, 1}, {1, 1, 2, 2}};
      if (i / 2 % 4 == 2) shape.window = {{11, 9}, {3, 3}, {3, 3}, {3, 2}, {2, 2}, {0, 0, 0, 0}};
      if (i / 2 % 4 == 3) shape.window = {{7, 12}, {5, 4}, {4, 3}, {2, 3}, {1, 2}, {2, 3, 2, 2}};
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .kernel = "auto"});
      CHECK(layer.needs({shape.batch, Phase::kPredicting, 1}).kernel == std::string("direct-grouped-channels"));
      check_integers(random, shape, "auto");
    }
  });
}

TEST_CASE("conv2d for a few samples: gradients by pieces of the batch, the same bits for any number of threads") {
  const Window2d pixels{{24, 21}, {24, 21}, {1, 1}, {1, 1}, {1, 1}, {}};
  const Window2d padded{{20, 18}, {20, 18}, {5, 3}, {1, 1}, {1, 1}, {2, 2, 1, 1}};
  const Window2d strided{{33, 36}, {17, 18}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}};
  const std::vector<reference::Convolution> shapes = {
      {pixels, 7, 9, 70, 1},    {pixels, 5, 6, 130, 1},  {pixels, 3, 24, 128, 2}, {padded, 4, 18, 130, 2},
      {strided, 5, 3, 130, 1},  {strided, 4, 20, 70, 1}, {pixels, 5, 65, 65, 65}, {padded, 6, 96, 96, 96},
      {strided, 6, 96, 96, 96}, {padded, 4, 96, 192, 48}};
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(131);
    for (const reference::Convolution& shape : shapes) {
      check_integers(random, shape, "auto");
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .activation = "softmax", .kernel = "auto"});
      LayerCase given = normal_case(layer, shape.batch, random);
      const LayerResult alone = run_layer(layer, given);
      given.threads = 3;
      const LayerResult shared = run_layer(layer, given);
      CHECK(difference_in_bits(shared.dx, alone.dx) == "");
      for (size_t p = 0; p < 2; ++p) CHECK(difference_in_bits(shared.gradients[p], alone.gradients[p]) == "");
    }
  });
}

TEST_CASE("conv2d for a few samples: the gradient of the input by phases of the stride, integers agree exactly") {
  const std::vector<reference::Convolution> shapes = {
      {{{17, 20}, {9, 10}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 0}}, 3, 96, 80, 1},
      {{{8, 8}, {3, 3}, {4, 4}, {2, 2}, {1, 1}, {}}, 7, 64, 70, 1},      // a map of three pixels
      {{{13, 5}, {5, 1}, {4, 5}, {2, 2}, {1, 1}, {}}, 2, 72, 64, 1},     // one pixel a row; a row that none meets
      {{{14, 11}, {5, 4}, {2, 2}, {3, 3}, {1, 1}, {}}, 3, 128, 130, 1},  // phases without taps, pixels behind all
      {{{15, 16}, {8, 8}, {3, 3}, {2, 2}, {2, 2}, {2, 2, 2, 2}}, 2, 90, 90, 1},  // the same by the dilation
      {{{9, 14}, {9, 5}, {3, 5}, {1, 3}, {1, 1}, {1, 1, 2, 2}}, 3, 128, 160, 2},
      {{{16, 12}, {4, 3}, {4, 4}, {4, 4}, {1, 1}, {}}, 5, 40, 104, 1},  // windows that tile the image
      {{{9, 9}, {5, 5}, {1, 1}, {2, 2}, {1, 1}, {}}, 4, 256, 260, 1},
      {{{7, 3}, {4, 2}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}, 3, 100, 90, 1},      // phases one and two pixels wide
      {{{6, 8}, {6, 4}, {1, 2}, {1, 2}, {1, 1}, {}}, 2, 200, 170, 1},               // of which rows meet
      {{{4, 5}, {1, 1}, {4, 5}, {7, 9}, {1, 1}, {}}, 1, 64, 64, 1},                 // strides beyond the map
      {{{9, 9}, {7, 7}, {3, 3}, {2, 2}, {1, 1}, {3, 3, 3, 3}}, 2, 90, 90, 1},       // padding beyond the windows' reach
      {{{40, 44}, {20, 22}, {3, 3}, {2, 2}, {1, 1}, {1, 0, 1, 0}}, 2, 96, 80, 1}};  // image by image
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(151);
    for (const reference::Convolution& shape : shapes) {
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .activation = "tanh", .kernel = "auto"});
      CHECK(layer.needs({shape.batch, Phase::kTraining, 1}).kernel == std::string("direct-channels"));
      check_integers(random, shape, "auto");
      LayerCase given = normal_case(layer, shape.batch, random);
      const LayerResult alone = run_layer(layer, given);
      given.threads = 3;
      CHECK(difference_in_bits(run_layer(layer, given).dx, alone.dx) == "");
    }
  });
}

TEST_CASE("conv2d in lanes in place of rows: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(125);
    for (int i = 0; i < 30; ++i) {
      CAPTURE(i);
      const Extent2d size{random.integer(1, 9), random.integer(1, 20)};
      const reference::Convolution shape{.window = {size, size, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
                                         .batch = random.pick({13, 40, 53}),
                                         .channels = random.pick({16, 47, 64, 128}),
                                         .filters = random.pick({16, 32, 63, 96}),
                                         .groups = 1};
      check_integers(random, shape, "auto", Relaid::kInLanes);
    }
  });
}

TEST_CASE("conv2d in rows of many samples: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(124);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const bool depthwise = i % 2 == 0;
      const int64_t filters = random.pick({16, 30, 47, 64, 77, 130});
      const int64_t window = depthwise ? random.pick({2, 3, 3, 3, 5, 7}) : 1;
      const Extent2d size{random.integer(window, 9), random.integer(window, 40)};
      const int64_t stride = depthwise ? random.pick({1, 1, 2}) : 1;
      const int64_t pad = window / 2;
      const auto output = [&](int64_t extent) { return (extent + 2 * pad - window) / stride + 1; };
      const reference::Convolution shape{
          .window = {size,
                     {output(size.height), output(size.width)},
                     {window, window},
                     {stride, stride},
                     {1, 1},
                     {pad, pad, pad, pad}},
          .batch = random.pick({16, 32, 47}),
          .channels = depthwise ? (window > 3 ? 64 : filters) : random.pick({1, 5, 40, 65}),
          .filters = depthwise && window > 3 ? 64 : filters,
          .groups = depthwise ? (window > 3 ? 64 : filters) : 1};
      check_integers(random, shape, "auto", Relaid::kInRows);
    }
  });
}

TEST_CASE("conv2d direct: in rows where blocks of samples would be half empty, integers agree exactly") {
  RandomData random(126);
  for (int i = 0; i < 60; ++i) {
    const int64_t step = random.pick({1, 2, 3});
    const Extent2d size{random.integer(5, 12), random.integer(5, 20)};
    const Extent2d output{(size.height - 1) / step + 1, (size.width - 1) / step + 1};
    const Window2d w{size, output, {3, 5}, {step, step}, {1, 1}, {1, 1, 2, 2}};
    check_integers(random, {w, random.pick({8, 12, 24}), random.pick({1, 3, 6}), random.pick({16, 48, 64}), 1}, "auto",
                   Relaid::kWithoutGradient);
  }
}
