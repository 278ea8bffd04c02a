// Threads: 1 and 2.
#include "layers/activation.h"

#include <doctest/doctest.h>

#include "kernels/reference/activation.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("activation layers: forward and backward as the reference has them, softmax over the last axis") {
  RandomData random(141);
  for (const std::string kind : {"relu", "tanh", "sigmoid", "softmax"}) {
    for (const Shape& shape : {Shape{1}, Shape{17}, Shape{5, 7, 3}, Shape{30, 30, 10}}) {
      const ActivationLayer layer(plain_layer(kind), shape);
      CHECK(layer.output_shape() == shape);
      LayerCase given = normal_case(layer, 7, random);
      const Activation activation = parse_activation(kind);
      std::vector<double> y = to_double(given.x);
      std::vector<double> dx = to_double(given.dy);
      const int64_t columns = shape.back();
      for (size_t i = 0; i < y.size(); i += static_cast<size_t>(columns)) {
        reference::activate(activation, columns, y.data() + i, y.data() + i);
        reference::activation_backward(activation, columns, y.data() + i, dx.data() + i);
      }
      for (const int threads : {1, 2}) {
        CAPTURE(kind);
        CAPTURE(shape.to_string());
        CAPTURE(threads);
        given.threads = threads;
        const LayerResult result = run_layer(layer, given);
        CHECK(result.broken_rules == "");
        CHECK(difference(result.y, y, Tolerance{16 * kRoundoff, 16 * kRoundoff}) == "");
        // 1 - y^2 and y (1 - y) take on the error of y.
        CHECK(difference(result.dx, dx, Tolerance{32 * kRoundoff, 256 * kRoundoff}) == "");
      }
    }
  }
}

TEST_CASE("activation layers: every instruction set agrees with the reference") {
  RandomData random(142);
  for (const std::string kind : {"relu", "tanh", "sigmoid", "softmax"}) {
    const ActivationLayer layer(plain_layer(kind), {37});
    const LayerCase given = normal_case(layer, 3, random);
    std::vector<double> y = to_double(given.x);
    for (int n = 0; n < 3; ++n) {
      reference::activate(parse_activation(kind), 37, y.data() + 37 * n, y.data() + 37 * n);
    }
    for_each_simd_target([&](const std::string& target) {
      CAPTURE(kind);
      CAPTURE(target);
      CHECK(difference(run_layer(layer, given).y, y, Tolerance{16 * kRoundoff, 16 * kRoundoff}) == "");
    });
  }
}
