// Threads: 1 to 9.
#include <doctest/doctest.h>

#include <string>

#include "kernels/reference/convolution.h"
#include "layers/conv2d/conv2d.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"
#include "support/winograd_cases.h"

using namespace gradloom;
using namespace gradloom::test;

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
           {window_of({1, 3}, {16, 16}, {0, 0, 1, 1}), 1, 128, 160, 1},                  // along one axis, by part
           {window_of({7, 7}, {16, 16}, {3, 3, 3, 3}), 1, 64, 96, 2},                    // of sections, by part
           {window_of({2, 2}, {32, 31}, {0, 1, 0, 1}), 4, 64, 64, 1},                    // and by chunks
           {window_of({5, 1}, {32, 31}, {2, 2, 0, 0}), 4, 64, 64, 1},                    // and by chunks
           {window_of({5, 5}, {32, 33}, {1, 2, 2, 2}, {1, 1}, {2, 2}), 4, 32, 64, 1},    // of phases, by chunks
           {window_of({7, 7}, {24, 24}, {2, 3, 2, 3}, {1, 1}, {2, 2}), 2, 128, 160, 1},  // and by part
           {window3({47, 64}, same), 3, 40, 72, 2},    // channels that do not fill vectors: in groups, by chunks
           {window3({30, 32}, same), 3, 72, 100, 1},   // with places of their own
           {window3({16, 16}, same), 1, 135, 200, 1},  // and by part, of blocks of channels
           {window_of({7, 7}, {16, 16}, {3, 3, 3, 3}), 1, 62, 72, 2},                  // of sections
           {window_of({5, 5}, {32, 33}, {1, 2, 2, 2}, {1, 1}, {2, 2}), 4, 50, 72, 1},  // of phases
           // Phases of 64, 48 and 36 tiles, for some of which filters are made by part.
           {window_of({5, 5}, {25, 25}, {2, 2, 2, 2}, {1, 1}, {2, 2}), 4, 64, 64, 1}}) {
    check_normal(random, shape, "relu", "auto", "winograd-channels");
    const Conv2d layer = winograd_layer(shape, {.filters = 0, .activation = "tanh"}, "auto");
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
      reference::Convolution shape = random_winograd(random, dilation, {side, side});
      const Padding2d padding = shape.window.padding;
      const auto size = [&](int64_t before, int64_t after, int64_t apart) {
        return apart * (random.pick<int64_t>({8, side == 3 ? 11 : 12, 16}) + side - 1) - before - after;
      };
      const Extent2d input{size(padding.top, padding.bottom, dilation.height),
                           size(padding.left, padding.right, dilation.width)};
      shape.window = window_of({side, side}, input, padding, dilation);
      shape.batch = random.pick({1, 2, 7, 9});
      shape.channels = shape.groups * random.pick({side == 3 ? 16 : 64, 32, 48, 33, 72, side == 3 ? 30 : 61});
      shape.filters = shape.groups * random.pick({side == 3 ? 16 : 32, 48, 80, 40, 67, side == 3 ? 23 : 47});
      check_normal(random, shape, random.pick<const char*>({"linear", "relu", "tanh"}), "auto", "winograd-channels");
    }
  });
}

TEST_CASE("conv2d winograd for a few samples along one axis and of sections: within the error bound on every target") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(142);
    for (int i = 0; i < 20; ++i) {
      CAPTURE(i);
      const auto taps = random.pick<Extent2d>({{1, 3}, {3, 1}, {1, 5}, {5, 1}, {2, 2}, {3, 5}, {4, 4}, {7, 7}, {1, 9}});
      const auto dilation = random.pick<Extent2d>({{1, 1}, {1, 1}, {2, 2}, {1, 3}});
      const Extent2d input{dilation.height * random.pick({16, 20}), dilation.width * random.pick({16, 20})};
      const Padding2d same{(taps.height - 1) / 2 * dilation.height, taps.height / 2 * dilation.height,
                           (taps.width - 1) / 2 * dilation.width, taps.width / 2 * dilation.width};
      const int64_t groups = random.pick({1, 1, 2});
      const int64_t channels = random.pick({32, 48, 64, 40, 61});
      const int64_t filters = random.pick({32, 48, 80, 39, 72});
      // Of more, samples in the lanes take less time where these are no whole vectors.
      const bool whole = channels % 16 == 0 && filters % 16 == 0;
      const reference::Convolution shape{.window = window_of(taps, input, same, dilation),
                                         .batch = random.pick({1, 2, 7, whole ? 9 : 5}),
                                         .channels = groups * channels,
                                         .filters = groups * filters,
                                         .groups = groups};
      check_normal(random, shape, random.pick<const char*>({"linear", "relu", "tanh"}), "auto", "winograd-channels");
    }
  });
}

TEST_CASE("conv2d winograd for a few samples with strides: within the error bound on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(143);
    for (int i = 0; i < 20; ++i) {
      CAPTURE(i);
      const auto stride = random.pick<Extent2d>({{2, 2}, {2, 2}, {2, 1}});
      const auto taps = random.pick<Extent2d>({{5, 5}, {7, 7}, {5, 6}, {6, 7}});
      // Phases of a pixel more or less.
      const Extent2d input{stride.height * random.pick({16, 20}) - random.integer(0, 1),
                           stride.width * random.pick({16, 20}) - random.integer(0, 1)};
      const int64_t rows = taps.height - stride.height;
      const int64_t columns = taps.width - stride.width;
      const Padding2d same{rows / 2, rows - rows / 2, columns / 2, columns - columns / 2};
      const int64_t groups = random.pick({1, 1, 2});
      const reference::Convolution shape{.window = window_of(taps, input, same, {1, 1}, stride),
                                         .batch = random.pick({1, 2, 7, 9}),
                                         .channels = groups * random.pick({32, 48, 64, 40, 61}),
                                         .filters = groups * random.pick({32, 48, 80, 39, 72}),
                                         .groups = groups};
      check_normal(random, shape, random.pick<const char*>({"linear", "relu", "tanh"}), "auto", "winograd-channels");
    }
  });
}
