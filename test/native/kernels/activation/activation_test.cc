#include "kernels/activation/activation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reference/activation.h"
#include "kernels/reference/matrix.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr Activation kAll[] = {Activation::kLinear,      Activation::kRelu,      Activation::kTanh,
                               Activation::kSigmoid,     Activation::kSoftmax,   {Activation::kLeakyRelu, 0.01F},
                               {Activation::kElu, 1.0F}, Activation::kLogSoftmax};

// Exp and tanh are good to some units in the last place; sums of a row add their own.
constexpr double kUlps = 16 * kRoundoff;

// One below, at and above the lanes of every target, and several vectors with a tail.
constexpr int64_t kWidths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 67};

std::vector<float> forward_one(Activation activation, std::vector<float> z) {
  const auto columns = static_cast<int64_t>(z.size());
  add_bias_and_activate(activation, {1, columns, columns}, nullptr, z.data());
  return z;
}

}  // namespace

TEST_CASE(
    "activations: forward and backward agree with the reference at every width, with and without bias and "
    "gaps") {
  RandomData random(41);
  for (const Activation activation : kAll) {
    for (const int64_t columns : kWidths) {
      for (const int64_t gap : {0, 3}) {
        CAPTURE(static_cast<int>(activation.kind));
        CAPTURE(columns);
        const RowBlock block{5, columns, columns + gap};
        const std::vector<float> bias = random.normal(columns);
        const bool with_bias = gap == 0;
        GuardedBuffer z(random.normal(block.rows * block.stride), 1);
        std::vector<double> expected = to_double(z.values());
        std::vector<double> bounds(expected.size());
        for (int64_t row = 0; row < block.rows; ++row) {
          double* out = expected.data() + row * block.stride;
          for (int64_t c = 0; with_bias && c < columns; ++c) out[c] += bias[static_cast<size_t>(c)];
          for (int64_t c = 0; c < columns; ++c) {
            bounds[static_cast<size_t>(row * block.stride + c)] = kUlps * (1 + std::abs(out[c]));
          }
          reference::activate(activation, columns, out, out);
        }
        add_bias_and_activate(activation, block, with_bias ? bias.data() : nullptr, z.data());
        CHECK(difference(z.span(), expected, bounds) == "");
        CHECK(z.intact());

        GuardedBuffer gradient(random.normal(block.rows * block.stride), 3);
        std::vector<double> expected_gradient = to_double(gradient.values());
        for (int64_t row = 0; row < block.rows; ++row) {
          const std::vector<double> y = to_double(z.values());
          double magnitude = 0;
          for (int64_t c = 0; c < columns; ++c) {
            magnitude += std::abs(expected_gradient[static_cast<size_t>(row * block.stride + c)]);
          }
          for (int64_t c = 0; c < columns; ++c) {
            bounds[static_cast<size_t>(row * block.stride + c)] = 4 * kRoundoff * magnitude;
          }
          reference::activation_backward(activation, columns, y.data() + row * block.stride,
                                         expected_gradient.data() + row * block.stride);
        }
        activation_backward(activation, block, z.data(), gradient.data());
        CHECK(difference(gradient.span(), expected_gradient, bounds) == "");
        CHECK(gradient.intact());
      }
    }
  }
}

TEST_CASE("relu: exact, 0 at -0 and below, derivative 0 at 0") {
  const std::vector<float> z = {-2, -0.0F, 0, 3, -INFINITY, INFINITY};
  const std::vector<float> y = forward_one(Activation::kRelu, z);
  CHECK(y == std::vector<float>{0, 0, 0, 3, 0, INFINITY});
  std::vector<float> gradient(6, 5.0F);
  activation_backward(Activation::kRelu, {1, 6, 6}, y.data(), gradient.data());
  CHECK(gradient == std::vector<float>{0, 0, 0, 5, 0, 5});
}

TEST_CASE("leakyRelu, elu: derivatives at 0 and far out") {
  const Activation leaky(Activation::kLeakyRelu, 0.25F);
  CHECK(forward_one(leaky, {-2, 0, 3, -1e4F}) == std::vector<float>{-0.5F, 0, 3, -2500});
  const Activation elu(Activation::kElu, 2);
  const std::vector<float> y = forward_one(elu, {-1e4F, -1e-6F, 0, 1e4F, -INFINITY, INFINITY});
  CHECK(y[0] == -2);
  CHECK(y[1] == doctest::Approx(-2e-6));
  CHECK(y[2] == 0);
  CHECK(y[3] == 1e4F);
  CHECK(y[4] == -2);
  CHECK(y[5] == INFINITY);
  for (const Activation activation : {leaky, elu}) {
    float gradient = 4;
    const float at_zero = 0;
    activation_backward(activation, {1, 1, 1}, &at_zero, &gradient);
    CHECK(gradient == 4 * activation.parameter);
  }
}

TEST_CASE("logSoftmax: far out it stays finite, and no probability underflows") {
  CHECK(forward_one(Activation::kLogSoftmax, {1e4F, -1e4F}) == std::vector<float>{0, -2e4F});
  CHECK(forward_one(Activation::kLogSoftmax, {-7}) == std::vector<float>{0});
  std::vector<float> gradient = {1, 1};
  const std::vector<float> y = {0, -2e4F};
  activation_backward(Activation::kLogSoftmax, {1, 2, 2}, y.data(), gradient.data());
  CHECK(gradient == std::vector<float>{-1, 1});
}

TEST_CASE("tanh: within 6 units in the last place at any size, odd, and NaN of NaN") {
  std::vector<float> points;
  for (float z = 1e-30F; z < 20; z *= 1.001F) points.push_back(z);
  const std::vector<float> values = forward_one(Activation::kTanh, points);
  for (float& z : points) z = -z;
  const std::vector<float> negative = forward_one(Activation::kTanh, points);
  double largest = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double expected = std::tanh(-static_cast<double>(points[i]));
    const auto nearest = static_cast<float>(expected);
    const double unit = nearest - std::nextafter(nearest, 0.0F);
    largest = std::max(largest, std::abs(values[i] - expected) / unit);
    REQUIRE(negative[i] == -values[i]);
    REQUIRE(values[i] <= 1);
  }
  CHECK(largest < 6);
  CHECK(std::isnan(forward_one(Activation::kTanh, {NAN})[0]));
  CHECK(forward_one(Activation::kTanh, {0.0F}) == std::vector<float>{0});
}

TEST_CASE("tanh, sigmoid, softmax: far out they saturate and stay finite") {
  for (const float z : {30.0F, 89.0F, 1e4F, 3e38F, INFINITY}) {
    CAPTURE(z);
    CHECK(forward_one(Activation::kTanh, {z, -z}) == std::vector<float>{1, -1});
    const std::vector<float> sigmoid = forward_one(Activation::kSigmoid, {z, -z});
    CHECK(sigmoid[0] == doctest::Approx(1).epsilon(1e-7));
    CHECK(sigmoid[1] >= 0);
    CHECK(sigmoid[1] < 1e-12);
  }
  for (const float z : {30.0F, 110.0F, 1e4F, 3e38F}) {
    CAPTURE(z);
    const std::vector<float> softmax = forward_one(Activation::kSoftmax, {z, -z, z});
    CHECK(softmax[0] == 0.5F);
    CHECK(softmax[1] < 1e-12);
    CHECK(softmax[2] == 0.5F);
  }
  CHECK(forward_one(Activation::kSoftmax, {-1e30F, -1e30F}) == std::vector<float>{0.5F, 0.5F});
  CHECK(forward_one(Activation::kSoftmax, {-7}) == std::vector<float>{1});
}

TEST_CASE("activations: NaN stays NaN at every position, other elements stay what they are") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const Activation activation : kAll) {
    for (const int64_t columns : {1, 7, 16, 33}) {
      for (int64_t at = 0; at < columns; ++at) {
        std::vector<float> z(static_cast<size_t>(columns), 0.5F);
        z[static_cast<size_t>(at)] = kNan;
        const std::vector<float> y = forward_one(activation, z);
        bool right = true;
        for (int64_t c = 0; c < columns; ++c) {
          const bool is_nan = std::isnan(y[static_cast<size_t>(c)]);
          right = right && (is_nan == (c == at || activation.spans_row()));
        }
        CAPTURE(static_cast<int>(activation.kind));
        CAPTURE(at);
        CHECK(right);
      }
    }
  }
}

TEST_CASE("add_column_sums: integers exactly, real numbers within the bound, adding to what is there") {
  RandomData random(42);
  for (const int64_t rows : {0, 1, 63, 64, 65, 200}) {
    for (const int64_t columns : kWidths) {
      CAPTURE(rows);
      CAPTURE(columns);
      const int64_t stride = columns + 2;
      for (const bool integers : {true, false}) {
        GuardedBuffer values(integers ? random.integers(rows * stride) : random.normal(rows * stride), 1);
        GuardedBuffer total(integers ? random.integers(columns) : random.normal(columns), 1);
        std::vector<double> expected = to_double(total.values());
        reference::add_column_sums(rows, columns, stride, to_double(values.values()).data(), expected.data());
        add_column_sums({rows, columns, stride}, values.data(), total.data());
        const double bound =
            integers ? 0 : static_cast<double>(rows + 1) * kRoundoff * 5 * static_cast<double>(rows + 1);
        CHECK(difference(total.span(), expected, Tolerance{0, bound}) == "");
        CHECK(total.intact());
      }
    }
  }
}

TEST_CASE("parse_activation: known names, and an error that lists them") {
  CHECK(parse_activation("linear") == Activation::kLinear);
  CHECK(parse_activation("relu") == Activation::kRelu);
  CHECK(parse_activation("tanh") == Activation::kTanh);
  CHECK(parse_activation("sigmoid") == Activation::kSigmoid);
  CHECK(parse_activation("softmax") == Activation::kSoftmax);
  CHECK(parse_activation("leakyRelu") == Activation(Activation::kLeakyRelu, 0.01F));
  CHECK(parse_activation("elu") == Activation(Activation::kElu, 1));
  CHECK(parse_activation("logSoftmax") == Activation::kLogSoftmax);
  CHECK(contains(error_of([] { parse_activation("Relu"); }),
                 "INVALID_SPEC: unknown activation \"Relu\"; known are linear, relu, tanh, sigmoid, softmax, "
                 "leakyRelu, elu and logSoftmax"));
}
