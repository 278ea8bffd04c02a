// Threads: 1 and 2.
#include "layers/activation/activation.h"

#include <doctest/doctest.h>

#include "kernels/reference/activation.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const Spec::Object kActivations[] = {plain_layer("relu"),
                                     plain_layer("tanh"),
                                     plain_layer("sigmoid"),
                                     plain_layer("softmax"),
                                     leaky_relu(0.2),
                                     leaky_relu(0),
                                     elu(1),
                                     elu(0.3),
                                     plain_layer("logSoftmax")};

Activation activation_of(const Spec::Object& given) {
  const Spec spec(given);
  Activation activation = parse_activation(spec.string("kind"));
  if (spec.has("slope")) activation.parameter = static_cast<float>(spec.number("slope"));
  if (spec.has("alpha")) activation.parameter = static_cast<float>(spec.number("alpha"));
  return activation;
}

}  // namespace

TEST_CASE("activation layers: forward and backward as the reference has them, softmax over the last axis") {
  RandomData random(141);
  for (const Spec::Object& spec : kActivations) {
    const std::string kind = Spec(spec).string("kind");
    for (const Shape& shape : {Shape{1}, Shape{17}, Shape{5, 7, 3}, Shape{30, 30, 10}}) {
      const ActivationLayer layer(spec, shape);
      CHECK(layer.output_shape() == shape);
      LayerCase given = normal_case(layer, 7, random);
      const Activation activation = activation_of(spec);
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
  for (const Spec::Object& spec : kActivations) {
    const std::string kind = Spec(spec).string("kind");
    const ActivationLayer layer(spec, {37});
    const LayerCase given = normal_case(layer, 3, random);
    std::vector<double> y = to_double(given.x);
    for (int n = 0; n < 3; ++n) {
      reference::activate(activation_of(spec), 37, y.data() + 37 * n, y.data() + 37 * n);
    }
    for_each_simd_target([&](const std::string& target) {
      CAPTURE(kind);
      CAPTURE(target);
      CHECK(difference(run_layer(layer, given).y, y, Tolerance{16 * kRoundoff, 16 * kRoundoff}) == "");
    });
  }
}

TEST_CASE(
    "activation layers: slopes below 0 and alphas of 0 are refused, for the output would not tell the input's sign") {
  CHECK(error_of([] { ActivationLayer(leaky_relu(-0.1), {3}); }) ==
        "INVALID_SPEC: leakyRelu \"leakyRelu_1\": slope must be at least 0");
  CHECK(error_of([] { ActivationLayer(elu(0), {3}); }) == "INVALID_SPEC: elu \"elu_1\": alpha must be above 0");
}
