// Convolutions of small maps, pixel by pixel. Threads: 1, 2, 3 and 11.
#include <doctest/doctest.h>

#include <vector>

#include "kernels/conv2d/direct/direct.h"
#include "kernels/reference/convolution.h"
#include "layers/conv2d/conv2d.h"
#include "support/compare.h"
#include "support/conv2d_cases.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// Windows that mostly reach over an edge: input, output, window, stride, dilation, padding (top, bottom, left, right).
const std::vector<Window2d> kWindows = {
    {{2, 2}, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  //
    {{1, 1}, {1, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  // eight taps meet nothing
    {{1, 2}, {1, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  //
    {{4, 1}, {4, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  //
    {{1, 3}, {1, 3}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  //
    {{2, 3}, {2, 3}, {2, 3}, {1, 1}, {1, 1}, {1, 0, 1, 1}},  //
    {{3, 3}, {3, 3}, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}},  //
    {{2, 2}, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {2, 2, 2, 2}},  // more outputs than inputs
    {{3, 2}, {3, 2}, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}},  // taps that do not lie side by side
    {{1, 1}, {5, 5}, {3, 3}, {1, 1}, {2, 2}, {4, 4, 4, 4}},  // pixels of the output whose window meets nothing
    {{1, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  // padding wider than the window reaches
    {{3, 3}, {3, 3}, {3, 3}, {1, 1}, {2, 1}, {2, 2, 1, 1}},  //
    {{3, 3}, {3, 3}, {3, 3}, {1, 1}, {1, 2}, {1, 1, 2, 2}},  //
    {{2, 2}, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {2, 0, 0, 2}},  //
    {{1, 3}, {1, 3}, {1, 5}, {1, 1}, {1, 1}, {0, 0, 2, 2}},  //
    {{3, 3}, {2, 2}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},  // phases of one and of two taps
    {{4, 4}, {2, 2}, {5, 5}, {2, 2}, {1, 1}, {1, 2, 1, 2}},  //
    {{2, 4}, {1, 2}, {5, 5}, {3, 2}, {1, 1}, {2, 2, 2, 2}},  //
    {{3, 3}, {4, 4}, {2, 2}, {3, 3}, {1, 1}, {4, 4, 4, 4}},  // a phase without taps
    {{4, 4}, {2, 2}, {3, 3}, {2, 2}, {2, 2}, {2, 2, 2, 2}},  // phases that no tap meets
    {{6, 6}, {1, 1}, {4, 4}, {4, 4}, {1, 1}, {}},            // of one pixel
};

void check_kernel(const reference::Convolution& shape, const char* activation) {
  const Conv2d layer = conv2d_layer(shape, {.filters = 0, .activation = activation, .kernel = "auto"});
  CHECK(layer.needs({shape.batch, Phase::kTraining, 1}).kernel == std::string("direct-pixels"));
}

}  // namespace

TEST_CASE("conv2d of small maps, pixel by pixel: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(151);
    for (size_t window = 0; window < kWindows.size(); ++window) {
      CAPTURE(window);
      for (int i = 0; i < 4; ++i) {
        const int64_t groups = random.pick({1, 1, 2});
        const reference::Convolution shape{.window = kWindows[window],
                                           .batch = random.pick({6, 7, 16, 33, 70}),
                                           .channels = groups * random.pick({32, 33, 70}),
                                           .filters = groups * random.pick({32, 37, 64, 130}),
                                           .groups = groups};
        check_kernel(shape, "relu");
        check_integers(random, shape, "auto");
      }
    }
    // Without padding: of one pixel, of few channels, filters and samples, and where the gradient meets little.
    for (int i = 0; i < 12; ++i) {
      const Extent2d taps = random.pick<Extent2d>({{1, 1}, {2, 3}, {5, 5}});
      const reference::Convolution shape{.window = {taps, {1, 1}, taps, {1, 1}, {1, 1}, {}},
                                         .batch = random.pick({2, 3, 5, 17, 64}),
                                         .channels = random.pick({45, 64}),
                                         .filters = random.pick({46, 65}),
                                         .groups = 1};
      check_kernel(shape, "relu");
      check_integers(random, shape, "auto");
    }
    for (const int64_t width : {8, 9, 17}) {
      const reference::Convolution shape{{{4, 4}, {1, 1}, {4, 4}, {1, 1}, {1, 1}, {}}, 5, width, width + 1, 1};
      check_kernel(shape, "relu");
      check_integers(random, shape, "auto");
    }
    if (!direct_leaves_half_out()) {
      const reference::Convolution shape{{{6, 6}, {3, 3}, {4, 4}, {1, 1}, {1, 1}, {}}, 37, 33, 70, 1};
      check_kernel(shape, "relu");
      check_integers(random, shape, "auto");
    }
    // More samples than a sum has terms.
    check_integers(random, {kWindows[0], 300, 32, 40, 1}, "auto");
    check_integers(random, {kWindows[1], 300, 32, 40, 1}, "auto");
  });
}

TEST_CASE("conv2d of small maps: the same bits for any number of threads, with every kind of activation") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(152);
    const std::vector<const char*> activations = {"linear", "relu", "tanh", "softmax"};
    for (size_t window = 0; window < kWindows.size(); ++window) {
      CAPTURE(window);
      const char* const activation = activations[window % activations.size()];
      const int64_t groups = window % 5 == 4 && window % 4 != 3 ? 2 : 1;
      const reference::Convolution shape{kWindows[window], 70, 66 * groups, 70 * groups, groups};
      check_kernel(shape, activation);
      const Conv2d layer = conv2d_layer(shape, {.filters = 0, .activation = activation, .kernel = "auto"});
      LayerCase given = normal_case(layer, shape.batch, random);
      given.threads = 1;
      const LayerResult alone = run_layer(layer, given);
      for (const int threads : {2, 3, 11}) {
        given.threads = threads;
        const LayerResult shared = run_layer(layer, given);
        CHECK(shared.broken_rules == "");
        CHECK(difference_in_bits(shared.y, alone.y) == "");
        CHECK(difference_in_bits(shared.dx, alone.dx) == "");
        for (size_t p = 0; p < 2; ++p) CHECK(difference_in_bits(shared.gradients[p], alone.gradients[p]) == "");
      }
      // As on BLAS.
      given.threads = 1;
      const LayerResult blas =
          run_layer(conv2d_layer(shape, {.filters = 0, .activation = activation, .kernel = "blas"}), given);
      const Tolerance close{1e-4, 1e-4};
      CHECK(difference(alone.y, to_double(blas.y), close) == "");
      CHECK(difference(alone.dx, to_double(blas.dx), close) == "");
      for (size_t p = 0; p < 2; ++p) CHECK(difference(alone.gradients[p], to_double(blas.gradients[p]), close) == "");
    }
  });
}
