// Threads: 1 to 11.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "common/checked.h"
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

TEST_CASE("conv2d winograd: normal values within the error bound, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(121);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      check_normal(random, random_winograd(random), random.pick<const char*>({"linear", "relu", "tanh"}));
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
      check_normal(random, random_winograd(random, dilation, {5, 5}),
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
      check_normal(random, random_winograd(random, dilation, taps),
                   random.pick<const char*>({"linear", "relu", "tanh"}));
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
      check_normal(random, random_winograd(random, dilation, taps),
                   random.pick<const char*>({"linear", "relu", "tanh"}));
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
      check_normal(random, random_winograd(random, dilation, taps, stride),
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
      check_normal(random, random_winograd(random, dilation), random.pick<const char*>({"linear", "relu", "tanh"}));
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
  const Conv2d layer = winograd_layer(whole, {.filters = 0});
  const Conv2d of_part = winograd_layer(part, {.filters = 0});
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
           // Filters are transformed part by part, too; in groups, with dilation and larger windows.
           {window3({4, 4}, same), 20, 130, 150, 1},
           {window3({5, 3}, same), 9, 300, 280, 2},
           {window3({6, 5}, {2, 2, 2, 2}, {2, 2}), 7, 130, 150, 1},
           {window_of({5, 5}, {2, 4}, same5), 16, 130, 150, 1},
           {window3({16, 16}, same), 48, 64, 64, 1},  // tiles enough for pieces
           {window3({26, 26}, same), 16, 64, 64, 1},  // 49: four pieces of 13 chunks, of 7 with narrow products
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
           {window_of({4, 4}, {8, 8}, {1, 1, 1, 1}, {1, 1}, {2, 2}), 16, 160, 130, 1},
           // Parts of filters for each of two chunks.
           {window3({8, 7}, same), 25, 130, 150, 1}}) {
    check_normal(random, shape, "relu");
    check_bits_of_threads(random, winograd_layer(shape, {.filters = 0, .activation = "tanh"}), shape.batch,
                          {2, 3, 5, 11});
  }
}

TEST_CASE("conv2d winograd: of few tiles and many channels no plane of all filters is kept") {
  const auto needs = [](const Extent2d& map, int threads) {
    const reference::Convolution shape{window3(map, {1, 1, 1, 1}), 16, 256, 256, 1};
    return winograd_layer(shape, {.filters = 0}).needs({shape.batch, Phase::kTraining, threads});
  };
  constexpr int64_t kAll = 36 * 256 * 256;
  CHECK(needs({4, 4}, 1).forward_scratch < kAll);
  CHECK(needs({4, 4}, 1).backward_scratch < kAll);
  CHECK(needs({8, 16}, 1).forward_scratch < kAll);
  CHECK(needs({8, 16}, 1).backward_scratch < kAll);
  CHECK(needs({12, 12}, 1).forward_scratch > kAll);
  CHECK(needs({12, 12}, 1).backward_scratch > kAll);
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
             {window3({7, 7}, {}), 3, 10, 70, 2},       // an odd number of tiles, of fewer pixels at edges
             {window3({8, 8}, same), 33, 160, 130, 1},  // channels that are transformed together
             {window3({4, 4}, same), 20, 130, 150, 1},  // part by part
             {window3({11, 12}, {2, 2, 2, 2}, {2, 2}), 40, 16, 16, 1},
             {window_of({5, 5}, {14, 10}, {2, 2, 2, 2}), 49, 33, 18, 1},
             {window_of({1, 3}, {14, 13}, {0, 0, 1, 1}), 24, 33, 18, 1},
             {window_of({5, 1}, {14, 10}, {2, 2, 0, 0}), 7, 33, 40, 1},
             {window_of({4, 4}, {14, 10}, {1, 2, 1, 2}), 20, 33, 18, 1},
             {window_of({5, 4}, {15, 20}, {2, 2, 1, 1}, {1, 1}, {2, 2}), 20, 33, 18, 1},
             {window_of({32, 1}, {3, 4}, {16, 15, 0, 0}), 7, 1, 18, 1}}) {
      CAPTURE(shape.batch);
      for (const bool pools : {false, true}) {
        if (pools && (shape.window.output.height % 2 > 0 || shape.window.output.width % 2 > 0)) continue;
        if (pools && shape.window.dilation.height > 1) continue;
        if (pools && std::min(shape.window.window.height, shape.window.window.width) == 1) continue;
        const Conv2d layer = winograd_layer(shape, {.filters = 0, .activation = "relu"});
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
        CHECK(difference_in_bits(actual.gradients[1], expected.gradients[1]) == "");
        // Those of the weights sum over tiles, of whole blocks first: each has the error that kernels/winograd/conv2d.h
        // states.
        const auto terms = static_cast<double>(shape.batch * shape.window.output_pixels());
        const double bound = whole.batch == kLanes ? 0 : 2 * 256 * kRoundoff * std::sqrt(terms);
        CHECK(difference(actual.gradients[0], to_double(expected.gradients[0]), Tolerance{0, bound}) == "");
      }
    }
  });
}

TEST_CASE("conv2d winograd: an input that is not finite leaves no finite output that depends on it") {
  RandomData random(123);
  const reference::Convolution shape{window3({9, 7}, {1, 1, 1, 1}), 17, 3, 5, 1};
  const Conv2d layer = winograd_layer(shape, {.filters = 0});
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
