// Threads: 1 to 3.
#include "layers/normalization/layer_norm.h"

#include <doctest/doctest.h>

#include "kernels/reference/normalization.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

using Values = std::vector<double>;

void check_case(const LayerNormOptions& options, const Shape& input, LayerCase given) {
  const LayerNorm layer(layer_norm(options), input);
  CHECK(layer.output_shape() == input);
  int64_t columns = 1;
  for (int axis = input.rank() - static_cast<int>(options.axes); axis < input.rank(); ++axis) columns *= input[axis];
  const reference::NormalizationShape shape{given.batch * input.size() / columns, columns, options.epsilon};
  const auto width = static_cast<size_t>(columns);
  size_t next = 0;
  const Values weight = options.scale ? to_double(given.parameters[next++]) : Values(width, 1);
  const Values bias = options.shift ? to_double(given.parameters[next]) : Values(width);
  const Values x = to_double(given.x);

  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");
  CHECK(scaled_error(result.y, reference::layer_norm(shape, x, weight, bias)) <= 1e-6);
  const auto gradients = reference::layer_norm_backward(shape, x, weight, to_double(given.dy));
  CHECK(scaled_error(result.dx, gradients.dx) <= 5e-6);
  next = 0;
  if (options.scale) CHECK(scaled_error(result.gradients[next++], gradients.dweight) <= 2e-6);
  if (options.shift) CHECK(scaled_error(result.gradients[next], gradients.dbias) <= 2e-6);

  given.phase = Phase::kPredicting;
  CHECK(difference_in_bits(run_layer(layer, given).y, result.y) == "");
}

}  // namespace

TEST_CASE("layerNorm: agrees with the reference over 200 shapes and all options, also for images offered in lanes") {
  RandomData random(181);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    const int64_t channels = random.pick({4, 7, 16, 17, 33});
    const Shape input =
        random.integer(0, 2) == 0 ? Shape{channels} : Shape{random.integer(1, 7), random.integer(1, 9), channels};
    LayerNormOptions options;
    options.axes = random.integer(1, input.rank());
    options.epsilon = random.pick({1e-5, 0.1});
    options.scale = random.integer(0, 2) > 0;
    options.shift = random.integer(0, 2) > 0;
    LayerCase given = normal_case(LayerNorm(layer_norm(options), input), random.pick({1, 2, 7, 16, 20, 33}), random);
    for (float& v : given.x) v = v * 2 + 1;
    given.threads = static_cast<int>(random.integer(1, 3));
    given.offered = random.pick({Layout::kRows, Layout::kLanes});
    given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
    check_case(options, input, given);
  }
}

TEST_CASE("layerNorm: many rows, and wide ones, are cut and put together again") {
  RandomData random(182);
  for (const auto& [input, axes] : {std::pair{Shape{30, 31, 5}, 1}, {Shape{30, 31, 5}, 3}, {Shape{1100}, 1}}) {
    const LayerNormOptions options{.axes = axes};
    LayerCase given = normal_case(LayerNorm(layer_norm(options), input), 40, random);
    given.threads = 2;
    check_case(options, input, given);
  }
}

TEST_CASE("layerNorm: weights have the shape of the normalised axes; what is wrong is refused") {
  const LayerNorm layer(layer_norm({.axes = 2}), {4, 5, 3});
  REQUIRE(layer.parameters().size() == 2);
  CHECK(layer.parameters()[0].name == "weight");
  CHECK(layer.parameters()[0].shape == Shape{5, 3});
  CHECK(layer.parameters()[1].name == "bias");
  CHECK(layer.parameters()[1].shape == Shape{5, 3});
  CHECK(error_of([] { LayerNorm(layer_norm({.axes = 2}), {3}); }) ==
        "SHAPE_MISMATCH: layerNorm \"layerNorm_1\": axes 2 is more than samples of shape [3] have; use up to 1");
  CHECK(error_of([] { LayerNorm(layer_norm({.epsilon = 0}), {3}); }) ==
        "INVALID_SPEC: layerNorm \"layerNorm_1\": epsilon must be a finite number above 0, got 0.000000");
}
