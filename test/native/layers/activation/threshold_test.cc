// Threads: 1 and 2.
#include "layers/activation/threshold.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("threshold: what is at most the threshold is the value and has no gradient, in rows and lanes") {
  RandomData random(83);
  for (const Shape& shape : {Shape{1}, Shape{17}, Shape{5, 7, 3}, Shape{30, 30, 10}}) {
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      CAPTURE(shape.to_string());
      const Threshold layer(threshold(0.25, 3.0), shape);
      LayerCase given = normal_case(layer, 7, random);
      given.x.front() = 0.25F;  // at the threshold itself
      given.offered = offered;
      given.threads = shape.size() > 1000 ? 2 : 1;
      std::vector<double> y;
      std::vector<double> dx;
      for (size_t i = 0; i < given.x.size(); ++i) {
        y.push_back(given.x[i] > 0.25F ? given.x[i] : 3.0);
        dx.push_back(given.x[i] > 0.25F ? given.dy[i] : 0.0);
      }
      const LayerResult result = run_layer(layer, given);
      CHECK(result.broken_rules == "");
      CHECK(difference(result.y, y, Tolerance{0, 0}) == "");
      CHECK(difference(result.dx, dx, Tolerance{0, 0}) == "");
    }
  }
}

TEST_CASE("threshold: NaN stays NaN and infinities follow the rule") {
  const Threshold layer(threshold(0, -1), {3});
  RandomData random(84);
  LayerCase given = normal_case(layer, 1, random);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  given.x = {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity};
  const LayerResult result = run_layer(layer, given);
  CHECK(std::isnan(result.y[0]));
  CHECK(result.y[1] == kInfinity);
  CHECK(result.y[2] == -1.0F);
}

TEST_CASE("threshold: numbers that no float holds are refused") {
  CHECK(error_of([] { Threshold(threshold(0, 1e39), {3}); }) ==
        "INVALID_SPEC: threshold \"threshold_1\": threshold and value must be finite in float32");
}
