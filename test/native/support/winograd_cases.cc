#include "support/winograd_cases.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/checked.h"
#include "kernels/conv2d/input_phase.h"
#include "kernels/reference/activation.h"
#include "kernels/winograd/sections.h"
#include "kernels/winograd/tiles.h"
#include "support/compare.h"
#include "support/conv2d_cases.h"
#include "support/layer_run.h"

namespace gradloom::test {

Window2d window_of(const Extent2d& taps, const Extent2d& input, const Padding2d& padding, const Extent2d& dilation,
                   const Extent2d& stride) {
  const Extent2d pixels{input.height + padding.top + padding.bottom - (taps.height - 1) * dilation.height,
                        input.width + padding.left + padding.right - (taps.width - 1) * dilation.width};
  const Extent2d output{ceil_divide(pixels.height, stride.height), ceil_divide(pixels.width, stride.width)};
  return {input, output, taps, stride, dilation, padding};
}

Window2d window3(const Extent2d& input, const Padding2d& padding, const Extent2d& dilation) {
  return window_of({3, 3}, input, padding, dilation);
}

Conv2d winograd_layer(const reference::Convolution& shape, Conv2dOptions options, const std::string& kernel) {
  options.kernel = kernel;
  return conv2d_layer(shape, options);
}

reference::Convolution random_winograd(RandomData& random, const Extent2d& dilation, const Extent2d& taps,
                                       const Extent2d& stride) {
  const int64_t rows = taps.height / 2 * dilation.height;
  const int64_t columns = taps.width / 2 * dilation.width;
  const Padding2d padding = random.pick<Padding2d>({{rows, rows, columns, columns},
                                                    {rows, rows, columns, columns},
                                                    {0, 0, 0, 0},
                                                    {2 * rows, 2 * rows, 2 * columns, 2 * columns},
                                                    {0, 1, 2, 3},
                                                    {4, 0, 1, 5}});
  const auto size = [&](int64_t before, int64_t after, int64_t apart) {
    return random.pick<int64_t>({1, 3, 5, 7, 8, 13}) + std::max<int64_t>(0, 2 * apart - before - after);
  };
  const Extent2d input{size(padding.top, padding.bottom, rows), size(padding.left, padding.right, columns)};
  const int64_t groups = random.pick({1, 1, 1, 1, 2, 3});
  return {.window = window_of(taps, input, padding, dilation, stride),
          .batch = random.pick({1, 7, 16, 20, 33}),
          .channels = groups * random.pick({1, 3, 7, 10, 64}),
          .filters = groups * random.pick({1, 3, 7, 10, 64}),
          .groups = groups};
}

namespace {

// Errors of normal data in units of 2^-24 times the standard deviation of a sum of as many products: the bound that
// kernels/winograd/conv2d.h states, and what a plain sum has.
constexpr double kWinogradError = 256;
constexpr double kPlainError = 32;

void check_error(const std::vector<float>& actual, const std::vector<double>& expected, int64_t terms, double units) {
  const double bound = units * kRoundoff * std::sqrt(static_cast<double>(terms));
  CHECK(difference(actual, expected, Tolerance{0, bound}) == "");
}

// As many as there were if all of the window's sections were whole: forward, and of a phase of the input's gradient.
int64_t taps_of_sections(const Window2d& w) { return winograd_sections(w, winograd_form(w).taps()).all_channels(); }
int64_t taps_of_phase(const Window2d& w) {
  const WinogradForm form = winograd_form(w);
  int64_t most = 0;
  for_each_input_phase(w, [&](const InputPhase& rows, const InputPhase& columns) {
    most = std::max(most, WinogradSections{form, {rows.taps}, {columns.taps}, form.taps()}.all_channels());
  });
  return most;
}

}  // namespace

void check_normal(RandomData& random, const reference::Convolution& shape, const std::string& activation_name,
                  const std::string& kernel, const std::string& chosen) {
  const Window2d& w = shape.window;
  CAPTURE(shape.batch);
  CAPTURE(shape.channels);
  CAPTURE(shape.filters);
  CAPTURE(shape.groups);
  CAPTURE(w.input.height);
  CAPTURE(w.input.width);
  CAPTURE(activation_name);
  const bool bias = random.integer(0, 3) > 0;
  const Conv2d layer = winograd_layer(shape, {.filters = 0, .bias = bias, .activation = activation_name}, kernel);
  CHECK(layer.needs({shape.batch, Phase::kTraining, 1}).kernel == chosen);
  LayerCase given = normal_case(layer, shape.batch, random);
  given.threads = static_cast<int>(random.integer(1, 3));
  given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
  given.input_gradient = random.integer(0, 3) > 0;
  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");

  const std::vector<double> x = to_double(given.x);
  const std::vector<double> weight = to_double(given.parameters[0]);
  const std::vector<double> biases = bias ? to_double(given.parameters[1]) : std::vector<double>();
  std::vector<double> y(result.y.size());
  reference::conv2d(shape, x.data(), weight.data(), bias ? biases.data() : nullptr, y.data());
  const Activation activation = parse_activation(activation_name);
  const auto elements = static_cast<int64_t>(y.size());
  reference::activate(activation, elements, y.data(), y.data());
  // The derivative follows from the output as it was computed.
  std::vector<double> dz = to_double(given.dy);
  reference::activation_backward(activation, elements, to_double(result.y).data(), dz.data());
  std::vector<double> dx(x.size());
  std::vector<double> dw(weight.size());
  std::vector<double> db(static_cast<size_t>(shape.filters));
  reference::conv2d_backward(shape, x.data(), weight.data(), dz.data(), {dx.data(), dw.data(), db.data()});

  const int64_t taps = taps_of_sections(w);
  const int64_t pixels = elements / shape.filters;
  check_error(result.y, y, taps * shape.channels / shape.groups, kWinogradError);
  if (given.input_gradient) check_error(result.dx, dx, taps_of_phase(w) * shape.filters / shape.groups, kWinogradError);
  check_error(result.gradients[0], dw, pixels, kWinogradError);
  if (bias) check_error(result.gradients[1], db, pixels, kPlainError);
  given.phase = Phase::kPredicting;
  const LayerResult predicted = run_layer(layer, given);
  CHECK(predicted.broken_rules == "");
  CHECK(difference_in_bits(predicted.y, result.y) == "");
}

void check_bits_of_threads(RandomData& random, const Conv2d& layer, int64_t batch, std::initializer_list<int> counts) {
  LayerCase given = normal_case(layer, batch, random);
  given.threads = 1;
  const LayerResult alone = run_layer(layer, given);
  for (const int threads : counts) {
    CAPTURE(threads);
    given.threads = threads;
    const LayerResult shared = run_layer(layer, given);
    CHECK(shared.broken_rules == "");
    CHECK(difference_in_bits(shared.y, alone.y) == "");
    CHECK(difference_in_bits(shared.dx, alone.dx) == "");
    for (size_t i = 0; i < 2; ++i) CHECK(difference_in_bits(shared.gradients[i], alone.gradients[i]) == "");
  }
}

}  // namespace gradloom::test
