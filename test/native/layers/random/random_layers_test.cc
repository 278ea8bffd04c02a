// gaussianNoise, spatialDropout and reshape. Threads: 1 and 3.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "layers/random/gaussian_noise.h"
#include "layers/random/spatial_dropout.h"
#include "layers/reshaping/reshape.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("gaussianNoise: adds normal noise of the deviation, other at every step, the same on any thread") {
  const GaussianNoise layer(gaussian_noise(0.5), {20, 20, 10});
  RandomData random(821);
  LayerCase given = normal_case(layer, 9, random);
  given.seed = 5;
  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");
  CHECK(difference_in_bits(result.dx, given.dy) == "");
  std::vector<double> noise;
  for (size_t i = 0; i < given.x.size(); ++i) noise.push_back(static_cast<double>(result.y[i]) - given.x[i]);
  const auto count = static_cast<double>(noise.size());
  const double mean = std::accumulate(noise.begin(), noise.end(), 0.0) / count;
  double squares = 0;
  double fourths = 0;
  int64_t beyond_one = 0;
  for (const double v : noise) {
    squares += v * v;
    fourths += v * v * v * v;
    beyond_one += std::abs(v) > 0.5 ? 1 : 0;
  }
  // Within four standard deviations of the estimates.
  CHECK(std::abs(mean) < 4 * 0.5 / std::sqrt(count));
  CHECK(std::abs(squares / count / 0.25 - 1) < 4 * std::sqrt(2 / count));
  CHECK(std::abs(fourths / count / 0.0625 / 3 - 1) < 4 * std::sqrt(96 / 9.0 / count));
  CHECK(std::abs(static_cast<double>(beyond_one) / count - 0.3173) < 4 * std::sqrt(0.3173 * 0.6827 / count));

  LayerCase again = given;
  again.threads = 3;
  CHECK(difference_in_bits(run_layer(layer, again).y, result.y) == "");
  again.step = 1;
  CHECK(run_layer(layer, again).y != result.y);
  again.phase = Phase::kPredicting;
  CHECK(difference_in_bits(run_layer(layer, again).y, given.x) == "");
}

TEST_CASE("spatialDropout: whole channels at the rate, one mask in rows and lanes, gradients through it") {
  RandomData random(822);
  for (const double rate : {0.0, 0.3, 0.9}) {
    const SpatialDropout layer(spatial_dropout(rate), {5, 3, 50});
    LayerCase given = normal_case(layer, 37, random);
    for (float& v : given.x) v += v == 0 ? 1.0F : 0.0F;
    const LayerResult rows = run_layer(layer, given);
    given.offered = Layout::kLanes;
    given.threads = 3;
    const LayerResult lanes = run_layer(layer, given);
    CHECK(lanes.broken_rules == "");
    CHECK(difference_in_bits(lanes.y, rows.y) == "");
    CHECK(difference_in_bits(lanes.dx, rows.dx) == "");
    const auto scale = static_cast<float>(1 / (1 - rate));
    int64_t dropped = 0;
    std::vector<float> y(given.x.size());
    std::vector<float> dx(given.x.size());
    for (size_t n = 0; n < 37; ++n) {
      for (size_t c = 0; c < 50; ++c) {
        const bool drop = rows.y[n * 750 + c] == 0;
        dropped += drop ? 1 : 0;
        for (size_t p = 0; p < 15; ++p) {
          const size_t i = n * 750 + p * 50 + c;
          y[i] = drop ? 0 : given.x[i] * scale;
          dx[i] = drop ? 0 : given.dy[i] * scale;
        }
      }
    }
    for (float& v : dx) v += 0.0F;  // a product with the mask's zero may be -0
    std::vector<float> got = rows.dx;
    for (float& v : got) v += 0.0F;
    CHECK(rows.y == y);
    CHECK(got == dx);
    CHECK(std::abs(static_cast<double>(dropped) - rate * 1850) <= 4 * std::sqrt(1850 * rate * (1 - rate)));
  }
}

TEST_CASE("spatialDropout, gaussianNoise: wrong numbers and shapes are refused") {
  CHECK(contains(error_of([] { SpatialDropout(spatial_dropout(1), {4, 4}); }), "rate must be in [0, 1)"));
  CHECK(error_of([] { SpatialDropout(spatial_dropout(0.5), {4}); }) ==
        "SHAPE_MISMATCH: spatialDropout \"spatialDropout_1\" takes samples of positions and channels, such as "
        "[height, width, channels], got [4]");
  for (const double deviation : {-1.0, std::nan(""), static_cast<double>(INFINITY)}) {
    CHECK(contains(error_of([&] { GaussianNoise(gaussian_noise(deviation), {4}); }), "INVALID_SPEC"));
  }
}

TEST_CASE("reshape: one entry may be left open, the number of values must stay") {
  const auto shape = [](Spec::List dims) { return Reshape(reshape(std::move(dims)), {4, 3, 2}).output_shape(); };
  CHECK(shape({24}) == Shape{24});
  CHECK(shape({-1}) == Shape{24});
  CHECK(shape({2, -1, 3}) == Shape{2, 4, 3});
  CHECK(shape({3, 8}) == Shape{3, 8});
  for (const Spec::List& dims : {Spec::List{5, -1}, Spec::List{25}, Spec::List{-1, -1}, Spec::List{0, 24},
                                 Spec::List{0, -1}, Spec::List{-1, -1, 24}, Spec::List{}}) {
    CHECK(contains(error_of([&] {
                     Reshape(reshape(dims), {4, 3, 2});
                   }),
                   "SHAPE_MISMATCH: reshape \"reshape_1\": the "
                   "24 values of [4, 3, 2] do not fit the shape"));
  }
}
