// Threads: 1 to 3.
#include "layers/normalization/batch_norm.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/reference/normalization.h"
#include "layers/activation/activation.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

using Values = std::vector<double>;

struct Numbers {
  Values weight, bias, mean, variance;
};

Numbers numbers_of(const BatchNormOptions& options, const LayerCase& given, int64_t channels) {
  const auto count = static_cast<size_t>(channels);
  Numbers numbers{Values(count, 1), Values(count), {}, {}};
  size_t next = 0;
  if (options.scale) numbers.weight = to_double(given.parameters[next++]);
  if (options.shift) numbers.bias = to_double(given.parameters[next++]);
  numbers.mean = to_double(given.parameters[next++]);
  numbers.variance = to_double(given.parameters[next]);
  return numbers;
}

Values moved(const Values& running, const Values& batch, double momentum, double factor) {
  Values result;
  for (size_t c = 0; c < running.size(); ++c) {
    result.push_back((1 - momentum) * running[c] + momentum * batch[c] * factor);
  }
  return result;
}

void check(const Values& expected, const std::vector<float>& actual, double limit) {
  CHECK(scaled_error(actual, expected) <= limit);
}

// Forward and backward in training, and predicting, beside the reference.
void check_case(const BatchNormOptions& options, const Shape& input, LayerCase given) {
  const BatchNorm layer(batch_norm(options), input);
  CHECK(layer.output_shape() == input);
  const int64_t channels = input.back();
  const reference::NormalizationShape shape{given.batch * input.size() / channels, channels, options.epsilon};
  const Numbers numbers = numbers_of(options, given, channels);
  const Values x = to_double(given.x);
  const bool running = options.statistics == "running";
  const reference::Moments moments =
      running ? reference::Moments{numbers.mean, numbers.variance} : reference::column_moments(shape, x);

  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");
  // Two or three values are nearly all mean and deviation, which the gradient takes away.
  const bool few = shape.rows < 4;
  check(reference::batch_norm(shape, moments, x, numbers.weight, numbers.bias), result.y, few ? 5e-6 : 1e-6);
  const auto gradients = reference::batch_norm_backward(
      shape, moments, running ? reference::MomentsFrom::kRunning : reference::MomentsFrom::kBatch, x, numbers.weight,
      to_double(given.dy));
  check(gradients.dx, result.dx, few ? 5e-5 : 3e-6);
  size_t next = 0;
  if (options.scale) check(gradients.dweight, result.gradients[next++], few ? 5e-6 : 1e-6);
  if (options.shift) check(gradients.dbias, result.gradients[next++], 1e-6);
  if (!running) {
    const auto values = static_cast<double>(shape.rows);
    check(moved(numbers.mean, moments.mean, options.momentum, 1), result.gradients[next], 1e-6);
    check(moved(numbers.variance, moments.variance, options.momentum, values / (values - 1)),
          result.gradients[next + 1], 1e-6);
  }

  given.phase = Phase::kPredicting;
  check(reference::batch_norm(shape, {numbers.mean, numbers.variance}, x, numbers.weight, numbers.bias),
        run_layer(layer, given).y, 1e-6);
}

void check_activated(const Spec::Object& activation, Activation its) {
  const ActivationLayer behind_it(activation, {3, 5, 9});
  for (const std::string statistics : {"batch", "running"}) {
    for (const bool frozen : {false, true}) {
      const BatchNorm plain(batch_norm({.statistics = statistics, .trainable = !frozen}), {3, 5, 9});
      const std::unique_ptr<Layer> both = plain.activated(its);
      REQUIRE(both != nullptr);
      CHECK(both->activated(its) == nullptr);
      for (const Phase phase : {Phase::kTraining, Phase::kDifferentiating, Phase::kPredicting}) {
        for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
          CAPTURE(statistics);
          CAPTURE(frozen);
          RandomData random(173);
          LayerCase given = normal_case(plain, 20, random);
          given.offered = offered;
          given.phase = phase;
          const LayerResult actual = run_layer(*both, given);
          CHECK(actual.broken_rules == "");
          LayerCase behind = given;
          behind.x = run_layer(plain, given).y;
          behind.parameters = {};
          const LayerResult activated = run_layer(behind_it, behind);
          CHECK(difference_in_bits(actual.y, activated.y) == "");
          if (phase == Phase::kPredicting) continue;
          given.dy = activated.dx;
          const LayerResult expected = run_layer(plain, given);
          CHECK(difference(actual.dx, to_double(expected.dx), Tolerance{0, 0}) == "");
          for (size_t p = 0; p < expected.gradients.size(); ++p) {
            CHECK(difference_in_bits(actual.gradients[p], expected.gradients[p]) == "");
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("batchNorm: agrees with the reference over 200 shapes, in rows and lanes, with all options") {
  RandomData random(171);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    BatchNormOptions options;
    options.momentum = random.pick({0.0, 0.1, 0.25, 1.0});
    options.epsilon = random.pick({1e-5, 0.1});
    options.scale = random.integer(0, 2) > 0;
    options.shift = random.integer(0, 2) > 0;
    options.statistics = random.pick({"batch", "batch", "running"});
    const int64_t channels = random.pick({1, 3, 7, 16, 17, 33});
    const Shape input =
        random.integer(0, 2) == 0 ? Shape{channels} : Shape{random.integer(1, 7), random.integer(1, 9), channels};
    const int64_t batch = random.pick({2, 3, 7, 16, 20, 33});
    LayerCase given = normal_case(BatchNorm(batch_norm(options), input), batch, random);
    // Channels of another mean and deviation each.
    for (size_t j = 0; j < given.x.size(); ++j) {
      const auto c = static_cast<float>(j % static_cast<size_t>(channels));
      given.x[j] = given.x[j] * (1 + c / 4) + 3 - c;
    }
    given.threads = static_cast<int>(random.integer(1, 3));
    given.offered = random.pick({Layout::kRows, Layout::kLanes});
    given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
    check_case(options, input, given);
  }
}

TEST_CASE(
    "batchNorm: with relu or leakyRelu of its own it gives the bits of both layers, whatever it learns and in every "
    "phase") {
  check_activated(plain_layer("relu"), Activation::kRelu);
  Spec::Object leaky = plain_layer("leakyRelu");
  leaky["slope"] = 0.3;
  check_activated(leaky, {Activation::kLeakyRelu, 0.3F});
  CHECK(BatchNorm(batch_norm({}), {4}).activated(Activation::kTanh) == nullptr);
}

TEST_CASE("batchNorm: many rows, and more channels than a part has, are cut and put together again") {
  RandomData random(172);
  for (const Shape& input : {Shape{30, 31, 5}, Shape{1100}, Shape{3, 2, 1100}}) {
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      LayerCase given = normal_case(BatchNorm(batch_norm({}), input), 40, random);
      given.offered = offered;
      given.threads = 2;
      check_case({}, input, given);
    }
  }
}

TEST_CASE("batchNorm: a mean far from 0 does not spoil the variance") {
  RandomData random(173);
  LayerCase given = normal_case(BatchNorm(batch_norm({}), {2}), 512, random);
  for (float& v : given.x) v = 4096 + std::round(v * 64) / 64;  // exact in float
  const LayerResult result = run_layer(BatchNorm(batch_norm({}), {2}), given);
  const reference::NormalizationShape shape{512, 2, 1e-5};
  const reference::Moments moments = reference::column_moments(shape, to_double(given.x));
  check(reference::batch_norm(shape, moments, to_double(given.x), to_double(given.parameters[0]),
                              to_double(given.parameters[1])),
        result.y, 3e-4);  // the mean itself is rounded to 2^-12
  check(moved(to_double(given.parameters[3]), moments.variance, 0.1, 512.0 / 511), result.gradients[3], 1e-6);
}

TEST_CASE("batchNorm: one value a channel gives the bias, no gradient and no new variance") {
  RandomData random(174);
  const BatchNorm layer(batch_norm({}), {5});
  const LayerCase given = normal_case(layer, 1, random);
  const LayerResult result = run_layer(layer, given);
  CHECK(result.y == given.parameters[1]);
  CHECK(result.dx == std::vector<float>(5));
  CHECK(result.gradients[0] == std::vector<float>(5));
  CHECK(result.gradients[1] == given.dy);
  CHECK(result.gradients[3] == given.parameters[3]);
}

TEST_CASE("batchNorm: parameters and their roles; frozen layers use running statistics in training too") {
  const auto roles = [](const BatchNormOptions& options) {
    std::string text;
    const BatchNorm layer(batch_norm(options), {4, 4, 3});
    for (const ParameterSpec& p : layer.parameters()) {
      CHECK(p.shape == Shape{3});
      text += p.name + (p.role == ParameterRole::kTrained     ? " trained, "
                        : p.role == ParameterRole::kStatistic ? " statistic, "
                                                              : " frozen, ");
    }
    return text;
  };
  CHECK(roles({}) == "weight trained, bias trained, runningMean statistic, runningVariance statistic, ");
  CHECK(roles({.scale = false}) == "bias trained, runningMean statistic, runningVariance statistic, ");
  CHECK(roles({.scale = false, .shift = false}) == "runningMean statistic, runningVariance statistic, ");
  CHECK(roles({.statistics = "running"}) ==
        "weight trained, bias trained, runningMean frozen, runningVariance frozen, ");
  CHECK(roles({.trainable = false}) == "weight frozen, bias frozen, runningMean frozen, runningVariance frozen, ");

  RandomData random(175);
  const BatchNorm frozen_layer(batch_norm({.trainable = false}), {3});
  const BatchNorm running_layer(batch_norm({.statistics = "running"}), {3});
  const LayerCase given = normal_case(frozen_layer, 9, random);
  const LayerResult expected = run_layer(running_layer, given);
  const LayerResult result = run_layer(frozen_layer, given);
  CHECK(difference_in_bits(result.y, expected.y) == "");
  CHECK(difference_in_bits(result.dx, expected.dx) == "");
  // Nobody reads its input in backward.
  CHECK_FALSE(frozen_layer.needs({9, Phase::kTraining, 1}).backward_reads_input);
}

TEST_CASE("batchNorm: wrong attributes are refused") {
  const auto refusal = [](const BatchNormOptions& options) {
    return error_of([&] { BatchNorm(batch_norm(options), {3}); });
  };
  CHECK(refusal({.momentum = 1.5}) ==
        "INVALID_SPEC: batchNorm \"batchNorm_1\": momentum must be from 0 to 1, got 1.500000");
  CHECK(refusal({.epsilon = 0}) ==
        "INVALID_SPEC: batchNorm \"batchNorm_1\": epsilon must be a finite number above 0, got 0.000000");
  CHECK(refusal({.statistics = "none"}) ==
        "INVALID_SPEC: batchNorm \"batchNorm_1\": statistics must be \"batch\" or \"running\", got \"none\"");
}
