// Threads: 1 and 2.
#include "layers/activation/input_activation.h"

#include <doctest/doctest.h>

#include "kernels/reference/input_activation.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("gelu, silu, softplus layers: forward and backward as the reference has them, in rows and lanes") {
  RandomData random(171);
  const std::pair<Spec::Object, InputActivation> kinds[] = {{gelu("none"), InputActivation::kGelu},
                                                            {gelu("tanh"), InputActivation::kGeluTanh},
                                                            {plain_layer("silu"), InputActivation::kSilu},
                                                            {plain_layer("softplus"), InputActivation::kSoftplus}};
  for (const auto& [spec, activation] : kinds) {
    for (const Shape& shape : {Shape{1}, Shape{17}, Shape{5, 7, 3}, Shape{30, 30, 10}}) {
      for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
        CAPTURE(shape.to_string());
        const InputActivationLayer layer(spec, shape);
        LayerCase given = normal_case(layer, 7, random);
        given.offered = offered;
        given.threads = shape.size() > 1000 ? 2 : 1;
        std::vector<double> y;
        std::vector<double> dx;
        for (size_t i = 0; i < given.x.size(); ++i) {
          y.push_back(reference::input_activation(activation, given.x[i]));
          dx.push_back(given.dy[i] * reference::input_activation_derivative(activation, given.x[i]));
        }
        const LayerResult result = run_layer(layer, given);
        CHECK(result.broken_rules == "");
        CHECK(difference(result.y, y, Tolerance{16 * kRoundoff, 4 * kRoundoff}) == "");
        CHECK(difference(result.dx, dx, Tolerance{16 * kRoundoff, 16 * kRoundoff}) == "");
      }
    }
  }
}

TEST_CASE("gelu: an approximation that does not exist is refused") {
  CHECK(error_of([] { InputActivationLayer(gelu("erf"), {3}); }) ==
        "INVALID_SPEC: gelu \"gelu_1\": approximate must be \"none\" or \"tanh\", got \"erf\"");
}
