#include "support/conv2d_cases.h"

#include <doctest/doctest.h>

#include <memory>

#include "support/compare.h"
#include "support/layer_run.h"
#include "support/windows.h"

namespace gradloom::test {

ConvolutionValues reference_of(const reference::Convolution& shape, const std::vector<double>& x,
                               const std::vector<double>& weight, const double* bias, const std::vector<double>& dz) {
  ConvolutionValues e{std::vector<double>(dz.size()), std::vector<double>(x.size()), std::vector<double>(weight.size()),
                      std::vector<double>(static_cast<size_t>(shape.filters))};
  reference::conv2d(shape, x.data(), weight.data(), bias, e.z.data());
  reference::conv2d_backward(shape, x.data(), weight.data(), dz.data(), {e.dx.data(), e.weight.data(), e.bias.data()});
  return e;
}

Conv2d conv2d_layer(const reference::Convolution& shape, Conv2dOptions options) {
  options.filters = shape.filters;
  options.groups = shape.groups;
  set_window(shape.window, options);
  return Conv2d(conv2d(options), {shape.window.input.height, shape.window.input.width, shape.channels});
}

void check_integers(RandomData& random, const reference::Convolution& shape, const std::string& kernel, Relaid relaid) {
  const Window2d& w = shape.window;
  CAPTURE(kernel);
  CAPTURE(shape.batch);
  CAPTURE(shape.channels);
  CAPTURE(shape.filters);
  CAPTURE(shape.groups);
  CAPTURE(w.input.height);
  CAPTURE(w.input.width);
  CAPTURE(w.window.height);
  CAPTURE(w.window.width);
  const bool bias = random.integer(0, 3) > 0;
  const bool relu = random.integer(0, 1) == 0;
  const Conv2d as_chosen =
      conv2d_layer(shape, {.filters = 0, .bias = bias, .activation = relu ? "relu" : "linear", .kernel = kernel});
  const std::unique_ptr<Layer> other = relaid == Relaid::kInRows    ? as_chosen.in_rows(shape.batch)
                                       : relaid == Relaid::kInLanes ? as_chosen.in_lanes(shape.batch)
                                       : relaid == Relaid::kWithoutGradient
                                           ? as_chosen.without_gradient(shape.batch, Phase::kPredicting)
                                           : nullptr;
  REQUIRE((other != nullptr) == (relaid != Relaid::kNot));
  const Layer& layer = other == nullptr ? static_cast<const Layer&>(as_chosen) : *other;
  if (relaid == Relaid::kInLanes) CHECK(layer.layout(shape.batch, Layout::kLanes) == Layout::kLanes);
  CHECK(layer.output_shape() == Shape{w.output.height, w.output.width, shape.filters});
  CHECK(layer.flops() == 2 * reference::conv2d_products(shape));

  LayerCase given = integer_case(layer, shape.batch, random);
  given.threads = static_cast<int>(random.integer(1, 3));
  given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
  given.input_gradient = random.integer(0, 2) > 0;  // a first layer's is not wanted
  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");

  const std::vector<double> biases = bias ? to_double(given.parameters[1]) : std::vector<double>();
  std::vector<double> dz = to_double(given.dy);
  for (size_t i = 0; relu && i < dz.size(); ++i) dz[i] = result.y[i] > 0 ? dz[i] : 0;
  ConvolutionValues expected =
      reference_of(shape, to_double(given.x), to_double(given.parameters[0]), bias ? biases.data() : nullptr, dz);
  for (double& z : expected.z) z = relu ? std::max(z, 0.0) : z;
  CHECK(difference(result.y, expected.z, Tolerance{}) == "");
  if (given.input_gradient) CHECK(difference(result.dx, expected.dx, Tolerance{}) == "");
  CHECK(difference(result.gradients[0], expected.weight, Tolerance{}) == "");
  if (bias) CHECK(difference(result.gradients[1], expected.bias, Tolerance{}) == "");
  given.phase = Phase::kPredicting;
  const LayerResult predicted = run_layer(layer, given);
  CHECK(predicted.broken_rules == "");
  CHECK(difference_in_bits(predicted.y, result.y) == "");
}

reference::Convolution random_convolution(RandomData& random) {
  const int64_t groups = random.pick({1, 1, 1, 2, 3, 7});
  reference::Convolution shape{.window = random_window(random),
                               .batch = random.pick({1, 2, 7, 15, 16, 17, 20, 33}),
                               .channels = groups * random.pick({1, 1, 2, 3}),
                               .filters = groups * random.pick({1, 1, 2, 5}),
                               .groups = groups};
  if (groups == 1) {
    shape.channels = random.pick({1, 3, 7, 10, 17});
    shape.filters = random.pick({1, 3, 7, 10, 16});
  }
  return shape;
}

}  // namespace gradloom::test
