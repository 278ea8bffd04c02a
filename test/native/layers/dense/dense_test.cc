// Threads: 1 to 3.
#include "layers/dense/dense.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/choice.h"
#include "kernels/reference/activation.h"
#include "kernels/reference/dense.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Expected {
  std::vector<double> z, dx, weight, bias;
};

// The linear layer by its equations. With magnitudes instead of values it gives what error bounds are made
// of.
Expected reference_of(const reference::DenseShape& shape, const std::vector<double>& x,
                      const std::vector<double>& weight, const double* bias, const std::vector<double>& dz) {
  Expected e{std::vector<double>(dz.size()), std::vector<double>(x.size()), std::vector<double>(weight.size()),
             std::vector<double>(static_cast<size_t>(shape.units))};
  reference::dense(shape, x.data(), weight.data(), bias, e.z.data());
  reference::dense_backward(shape, x.data(), weight.data(), dz.data(), {e.dx.data(), e.weight.data(), e.bias.data()});
  return e;
}

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

reference::DenseShape shape_of(const Layer& layer, int64_t batch) {
  return {batch, layer.input_shape().size(), layer.output_shape().size()};
}

// Weights or their gradient as [O, I]; the layer keeps them otherwise.
std::vector<float> in_file_layout(const Layer& layer, const std::vector<float>& stored) {
  std::vector<float> file(stored.size());
  layer.to_file_layout(0, stored.data(), file.data());
  return file;
}

// With an image, its blocks of lanes are offered in place of rows.
void check_integers(RandomData& random, int64_t batch, int64_t inputs, int64_t units,
                    const std::string& kernel = "auto", const Shape& image = {}, int64_t stretches = 1) {
  CAPTURE(batch);
  CAPTURE(inputs);
  CAPTURE(units);
  const bool bias = random.integer(0, 3) > 0;
  const Dense layer(dense({.units = units, .bias = bias, .kernel = kernel}), {inputs});
  LayerCase given = integer_case(layer, batch, random);
  if (image.rank() > 0) {
    given.offered = Layout::kLanes;
    given.image = image;
  }
  given.x_stretches = stretches;
  given.threads = static_cast<int>(random.integer(1, 3));
  given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
  const LayerResult result = run_layer(layer, given);
  CHECK(result.broken_rules == "");

  const std::vector<double> biases = bias ? to_double(given.parameters[1]) : std::vector<double>();
  const Expected expected =
      reference_of(shape_of(layer, batch), to_double(given.x), to_double(in_file_layout(layer, given.parameters[0])),
                   bias ? biases.data() : nullptr, to_double(given.dy));
  CHECK(difference(result.y, expected.z, Tolerance{}) == "");
  CHECK(difference(result.dx, expected.dx, Tolerance{}) == "");
  CHECK(difference(in_file_layout(layer, result.gradients[0]), expected.weight, Tolerance{}) == "");
  if (bias) CHECK(difference(result.gradients[1], expected.bias, Tolerance{}) == "");
}

}  // namespace

TEST_CASE("dense: integers agree exactly with the reference over 500 shapes a kernel, forward and backward") {
  for (const std::string kernel : {"auto", "blas"}) {
    CAPTURE(kernel);
    RandomData random(101);
    for (int i = 0; i < 500; ++i) {
      check_integers(random, random.pick({1, 2, 7, 20, 33, 65}), random.integer(1, 80), random.integer(1, 80), kernel);
    }
  }
}

TEST_CASE("dense: integers agree exactly where sums are made in stretches of inputs, loaded whole or as these") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(103);
    for (const int64_t stretches : {1, 2}) {
      CAPTURE(stretches);
      for (int i = 0; i < 6; ++i) {
        const int64_t units = random.integer(1, 100);
        const int64_t inputs = random.integer(std::max<int64_t>(256, 4 * units), 800);
        REQUIRE(dense_stretches(inputs, units) == 2);
        check_integers(random, random.pick({1, 2, 7, 20, 33, 65}), inputs, units, "auto", {}, stretches);
      }
      check_integers(random, 32, 784, 128, "auto", {}, stretches);
      // Inputs that are transposed for the gradient of the weights.
      check_integers(random, 517, 530, 70, "auto", {}, stretches);
    }
  });
}

TEST_CASE("dense: sums in stretches of inputs have equal bits on 1 to 5 threads, loaded whole or as these") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(104);
    for (const auto& [inputs, units] :
         std::vector<std::pair<int64_t, int64_t>>{{403, 61}, {2048, 64}, {520, 129 - 1}, {300, 1}}) {
      CAPTURE(inputs);
      const Dense layer(dense({.units = units, .activation = "softmax"}), {inputs});
      REQUIRE(layer.input_stretches() == 2);
      LayerCase given = normal_case(layer, 33, random);
      const LayerResult expected = run_layer(layer, given);
      for (const int64_t stretches : {1, 2}) {
        for (const auto& [threads, fewer] :
             std::vector<std::pair<int, int>>{{1, 0}, {2, 0}, {3, 0}, {5, 0}, {3, 1}, {5, 2}}) {
          given.x_stretches = stretches;
          given.threads = threads;
          given.fewer_threads = fewer;
          const LayerResult result = run_layer(layer, given);
          CHECK(result.broken_rules == "");
          CHECK(difference_in_bits(result.y, expected.y) == "");
          CHECK(difference_in_bits(result.dx, expected.dx) == "");
          for (size_t i = 0; i < 2; ++i) CHECK(difference_in_bits(result.gradients[i], expected.gradients[i]) == "");
        }
      }
    }
  });
}

TEST_CASE("dense: sums in stretches are those of many inputs and few units") {
  const auto stretches = [](int64_t inputs, int64_t units, const char* kernel = "auto") {
    return Dense(dense({.units = units, .kernel = kernel}), {inputs}).input_stretches();
  };
  CHECK(stretches(256, 64) == 2);
  CHECK(stretches(1024, 128) == 2);
  CHECK(stretches(255, 10) == 1);
  CHECK(stretches(256, 65) == 1);
  CHECK(stretches(1000, 129) == 1);
  CHECK(stretches(2048, 64) == 2);
  CHECK(stretches(2048, 65) == 1);
  CHECK(stretches(2049, 10) == 1);
  CHECK(stretches(784, 128, "blas") == 1);
}

TEST_CASE("dense: integers agree exactly where products are cut into several tiles") {
  for (const std::string kernel : {"auto", "blas"}) {
    CAPTURE(kernel);
    RandomData random(102);
    check_integers(random, 130, 300, 200, kernel);
    check_integers(random, 33, 700, 130, kernel);
    check_integers(random, 7, 2500, 300, kernel);
    check_integers(random, 300, 129, 257, kernel);
    check_integers(random, 1, 3000, 1000, kernel);
    // Weights that are transposed in several parts for the gradient of the inputs, and panels beyond L2.
    check_integers(random, 17, 70, 2100, kernel);
    check_integers(random, 40, 2100, 1025, kernel);
    // Inputs that are transposed for the gradient of the weights.
    check_integers(random, 1050, 257, 70, kernel);
    check_integers(random, 517, 530, 9, kernel);
    // One unit, for which large inputs are not transposed.
    check_integers(random, 300, 1001, 1, kernel);
  }
}

TEST_CASE("dense: weights read from their end give the same bits") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(105);
    for (const auto& [batch, inputs, units] :
         std::vector<std::array<int64_t, 3>>{{1, 784, 512}, {2, 3000, 1000}, {16, 1025, 333}, {40, 700, 300}}) {
      CAPTURE(batch);
      const Dense layer(dense({.units = units, .activation = "relu"}), {inputs});
      LayerCase given = normal_case(layer, batch, random);
      given.phase = Phase::kPredicting;
      const LayerResult expected = run_layer(layer, given);
      given.from_end = true;
      for (given.threads = 1; given.threads <= 3; ++given.threads) {
        const LayerResult result = run_layer(layer, given);
        CHECK(result.broken_rules == "");
        CHECK(difference_in_bits(result.y, expected.y) == "");
      }
    }
  });
}

TEST_CASE("dense: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(104);
    for (int i = 0; i < 60; ++i)
      check_integers(random, random.pick({1, 7, 33}), random.integer(1, 150), random.integer(1, 150));
    // Inputs whose rows share sets of L1, transposed for the gradient of the weights.
    check_integers(random, 70, 128, 64);
    check_integers(random, 13, 1024, 70);
    // And large ones, where tiles are narrow.
    check_integers(random, 290, 301, 70);
    // Weights that are prefetched while others are read.
    check_integers(random, 5, 1100, 130);
  });
}

TEST_CASE(
    "dense: integers agree exactly where gradients are transposed in place of weights, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(106);
    const auto check = [&](int64_t batch, int64_t inputs, int64_t units) {
      REQUIRE(dense_transposes_gradient(batch, inputs, units));
      check_integers(random, batch, inputs, units);
    };
    check(12, 16, 64);
    check(16, 53, 100);
    check(29, 97, 128);
    check(32, 49, 321);
    check(61, 150, 257);
    check(64, 33, 256);
    // Sums of several parts, and weights that are prefetched while others are read.
    check(16, 131, 1088);
    check(32, 100, 2100);
    check(48, 600, 230);
  });
}

TEST_CASE("dense: gradients are transposed in place of weights where these are more") {
  CHECK(dense_transposes_gradient(16, 100, 64));
  CHECK_FALSE(dense_transposes_gradient(16, 100, 63));
  CHECK_FALSE(dense_transposes_gradient(11, 100, 512));
  CHECK(dense_transposes_gradient(12, 16, 512));
  CHECK_FALSE(dense_transposes_gradient(12, 15, 512));
  CHECK_FALSE(dense_transposes_gradient(20, 100, 512));
  CHECK(dense_transposes_gradient(64, 100, 256));
  CHECK_FALSE(dense_transposes_gradient(64, 100, 255));
  CHECK_FALSE(dense_transposes_gradient(80, 100, 1024));
}

TEST_CASE("dense: integers agree exactly for images in lanes, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(105);
    for (int i = 0; i < 80; ++i) {
      const Shape image{random.integer(1, 9), random.integer(1, 5), random.integer(1, 20)};
      CAPTURE(image.to_string());
      check_integers(random, random.pick({1, 7, 15, 16, 17, 33, 48}), image.size(), random.integer(1, 18), "auto",
                     image);
    }
  });
}

TEST_CASE("dense: images in lanes, over more blocks than a sum takes at once and in several jobs") {
  RandomData random(106);
  check_integers(random, 1100, 12, 10, "auto", {2, 3, 2});
  check_integers(random, 33, 4096, 10, "auto", {8, 8, 64});
  check_integers(random, 64, 1600, 16, "auto", {5, 5, 64});
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const int64_t units : {1, 3, 5, 8, 9, 10, 15, 16}) {
      const int64_t channels = random.pick({1, 2, 4});
      check_integers(random, random.pick({257, 273, 301}), 21 * channels, units, "auto", {3, 7, channels});
    }
  });
}

TEST_CASE("dense: images in lanes: what is not finite in one channel stays out of the gradients of others") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(108);
    for (const int64_t late : {3, 260}) {
      CAPTURE(late);
      const Dense layer(dense({.units = 3}), {84});
      LayerCase given = integer_case(layer, 273, random);
      given.offered = Layout::kLanes;
      given.image = {3, 7, 4};
      given.x[static_cast<size_t>(late * 84 + 1)] = std::numeric_limits<float>::infinity();
      std::fill_n(given.dy.begin() + late * 3, 3, 0.0F);
      const LayerResult result = run_layer(layer, given);
      const std::vector<float> gradient = in_file_layout(layer, result.gradients[0]);
      for (size_t i = 0; i < gradient.size(); ++i) {
        CAPTURE(i);
        CHECK(std::isfinite(gradient[i]) == (i % 84 != 1));
      }
    }
  });
}

TEST_CASE("dense: up to 16 units read lanes, and say so") {
  const LayerSetting setting{32, Phase::kTraining, 1, Layout::kLanes, {4, 5}};
  const Dense few(dense({.units = 16}), {20});
  CHECK(few.layout(32, Layout::kLanes) == Layout::kLanes);
  CHECK(few.layout(32, Layout::kRows) == Layout::kRows);
  CHECK(few.output_layout(Layout::kLanes) == Layout::kRows);
  CHECK(few.needs(setting).kernel == std::string("lanes"));
  CHECK(Dense(dense({.units = 17}), {12}).layout(32, Layout::kLanes) == Layout::kRows);
  CHECK(Dense(dense({.units = 3, .kernel = "blas"}), {12}).layout(32, Layout::kLanes) == Layout::kRows);
}

TEST_CASE("dense: up to 16 inputs and units, both sides in lanes: integers agree exactly on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(107);
    for (int i = 0; i < 120; ++i) {
      const int64_t batch = random.pick({8, 15, 16, 17, 33, 80, 700});
      check_integers(random, batch, random.integer(1, 17), random.integer(1, 17));
      const Shape image{random.integer(1, 2), random.integer(1, 3), random.integer(1, 2)};
      CAPTURE(image.to_string());
      check_integers(random, random.pick({1, 7, 15, 33}), image.size(), random.integer(1, 16), "auto", image);
    }
  });
}

TEST_CASE("dense: up to 16 inputs and units are narrow, and say so, from 8 samples on or where lanes are offered") {
  const Dense narrow(dense({.units = 16}), {16});
  CHECK(narrow.layout(8, Layout::kRows) == Layout::kLanes);
  CHECK(narrow.layout(7, Layout::kRows) == Layout::kRows);
  CHECK(narrow.layout(7, Layout::kLanes) == Layout::kLanes);
  CHECK(narrow.output_layout(Layout::kLanes) == Layout::kLanes);
  CHECK(narrow.output_layout(Layout::kRows) == Layout::kRows);
  CHECK(narrow.needs({8, Phase::kTraining, 1, Layout::kLanes, {1, 16}}).kernel == std::string("narrow"));
  CHECK(narrow.needs({7, Phase::kTraining, 1, Layout::kRows, {1, 16}}).kernel == std::string("panels"));
  const auto layout = [](const DenseOptions& options, int64_t inputs) {
    return Dense(dense(options), {inputs}).layout(80, Layout::kRows);
  };
  CHECK(layout({.units = 1}, 16) == Layout::kLanes);
  CHECK(layout({.units = 17}, 16) == Layout::kRows);
  CHECK(layout({.units = 16}, 17) == Layout::kRows);
  CHECK(layout({.units = 3, .activation = "softmax"}, 4) == Layout::kRows);
  CHECK(layout({.units = 3, .kernel = "blas"}, 4) == Layout::kRows);
}

TEST_CASE("dense: real numbers with every activation, within bounds from epsilon and length") {
  RandomData random(103);
  for (const std::string name : {"linear", "relu", "tanh", "sigmoid", "softmax"}) {
    for (const int64_t batch : {1, 7, 33}) {
      for (const int64_t inputs : {1, 40, 310}) {
        for (const int64_t units : {1, 10, 65}) {
          CAPTURE(name);
          CAPTURE(batch);
          CAPTURE(inputs);
          CAPTURE(units);
          const Dense layer(dense({.units = units, .activation = name}), {inputs});
          const LayerCase given = normal_case(layer, batch, random);
          const LayerResult result = run_layer(layer, given);
          CHECK(result.broken_rules == "");
          const Activation activation = parse_activation(name);
          const reference::DenseShape shape = shape_of(layer, batch);
          const std::vector<double> x = to_double(given.x);
          const std::vector<double> weight = to_double(in_file_layout(layer, given.parameters[0]));
          const std::vector<double> bias = to_double(given.parameters[1]);

          // An activation's derivative is at most 1, so it does not enlarge the error of the sum.
          std::vector<double> y(result.y.size());
          reference::dense(shape, x.data(), weight.data(), bias.data(), y.data());
          Expected size = reference_of(shape, magnitudes(x), magnitudes(weight), magnitudes(bias).data(), y);
          double largest = 0;
          for (const double z : size.z) largest = std::max(largest, z);
          for (int64_t n = 0; n < batch; ++n) {
            reference::activate(activation, units, y.data() + n * units, y.data() + n * units);
          }
          const double forward_bound = (static_cast<double>(inputs) + 32) * kRoundoff * largest;
          CHECK(difference(result.y, y, Tolerance{0, forward_bound}) == "");

          // Backward from the outputs that the layer gave, so that only its own error is measured.
          std::vector<double> dz = to_double(given.dy);
          std::vector<double> dz_size = magnitudes(dz);
          const std::vector<double> outputs = to_double(result.y);
          for (int64_t n = 0; n < batch; ++n) {
            double sum = 0;
            for (int64_t o = 0; o < units; ++o) sum += dz_size[static_cast<size_t>(n * units + o)];
            for (int64_t o = 0; o < units; ++o) dz_size[static_cast<size_t>(n * units + o)] = sum;
            reference::activation_backward(activation, units, outputs.data() + n * units, dz.data() + n * units);
          }
          // dz itself is good to 4 roundings of its row's magnitude, the sums add one a term.
          const Expected expected = reference_of(shape, x, weight, bias.data(), dz);
          size = reference_of(shape, magnitudes(x), magnitudes(weight), magnitudes(bias).data(), dz_size);
          const auto terms = [](int64_t count) { return (static_cast<double>(count) + 8) * kRoundoff; };
          CHECK(difference(result.dx, expected.dx, scaled(size.dx, terms(units))) == "");
          CHECK(difference(in_file_layout(layer, result.gradients[0]), expected.weight,
                           scaled(size.weight, terms(batch))) == "");
          CHECK(difference(result.gradients[1], expected.bias, scaled(size.bias, terms(batch))) == "");
        }
      }
    }
  }
}

TEST_CASE("dense: what it refuses, by name") {
  const auto error = [](const DenseOptions& options, const Shape& input) {
    return error_of([&] { Dense(dense(options), input); });
  };
  CHECK(error({.units = 4, .name = "head"}, {3, 3, 8}) ==
        "SHAPE_MISMATCH: dense \"head\": takes vectors of features, got samples of shape [3, 3, 8]; put a "
        "flatten() "
        "before it");
  CHECK(contains(error({.units = 0}, {3}), "INVALID_SPEC: attribute \"units\""));
  CHECK(contains(error({.units = 4, .activation = "gelu"}, {3}), "INVALID_SPEC: unknown activation \"gelu\""));
  CHECK(contains(error({.units = 4, .kernel = "winograd"}, {3}), "dense \"dense_1\": kernel \"winograd\""));
  CHECK(contains(error({.units = int64_t{1} << 32}, {3}), "SHAPE_TOO_LARGE"));
  CHECK(contains(error({.units = 3}, {int64_t{1} << 32}), "SHAPE_TOO_LARGE"));
  CHECK(contains(error({.units = int64_t{1} << 30}, {int64_t{1} << 30}), "SHAPE_TOO_LARGE"));
}
