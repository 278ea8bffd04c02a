#include "kernels/activation/input_activation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/reference/input_activation.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr InputActivation kAll[] = {InputActivation::kGelu, InputActivation::kGeluTanh, InputActivation::kSilu,
                                    InputActivation::kSoftplus};

void check(InputActivation activation, const std::vector<float>& given) {
  const auto count = static_cast<int64_t>(given.size());
  GuardedBuffer x(given, 1);
  GuardedBuffer y(count, 3);
  input_activation(activation, count, x.data(), y.data());
  std::vector<double> expected;
  for (const float v : given) expected.push_back(reference::input_activation(activation, v));
  CHECK(difference(y.span(), expected, Tolerance{16 * kRoundoff, 4 * kRoundoff}) == "");
  CHECK(y.intact());

  const std::vector<float> dy(given.size(), 3.0F);
  GuardedBuffer dx(count, 1);
  input_activation_backward(activation, count, x.data(), dy.data(), dx.data());
  for (size_t i = 0; i < given.size(); ++i) {
    expected[i] = 3 * reference::input_activation_derivative(activation, given[i]);
  }
  CHECK(difference(dx.span(), expected, Tolerance{16 * kRoundoff, 16 * kRoundoff}) == "");
  CHECK(dx.intact());
}

}  // namespace

TEST_CASE("gelu, silu, softplus: agree with the reference at every width on every instruction set") {
  RandomData random(51);
  for (const InputActivation activation : kAll) {
    CAPTURE(static_cast<int>(activation));
    for_each_simd_target([&](const std::string& target) {
      CAPTURE(target);
      for (const int64_t count : {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 33}) {
        CAPTURE(count);
        check(activation, random.normal(count));
      }
    });
  }
}

TEST_CASE("gelu, silu, softplus: over [-12, 12], and far out they follow 0 or x") {
  std::vector<float> values;
  for (int i = -1200; i <= 1200; ++i) values.push_back(static_cast<float>(i) * 0.01F);
  for (const float far : {20.0F, 100.0F, 1e4F, 1e30F}) {
    values.push_back(far);
    values.push_back(-far);
  }
  for (const InputActivation activation : kAll) {
    CAPTURE(static_cast<int>(activation));
    check(activation, values);
  }
}

TEST_CASE("gelu: the tail keeps its relative precision") {
  for (const float x : {-3.0F, -5.0F, -8.0F, -10.0F}) {
    float y = 0;
    input_activation(InputActivation::kGelu, 1, &x, &y);
    CHECK(y == doctest::Approx(reference::input_activation(InputActivation::kGelu, x)).epsilon(1e-5));
  }
}

TEST_CASE("gelu, silu, softplus: NaN stays NaN, in the gradient too") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const InputActivation activation : kAll) {
    const std::vector<float> x = {1, nan, -2};
    const std::vector<float> dy = {1, 1, 1};
    std::vector<float> result(3);
    input_activation(activation, 3, x.data(), result.data());
    CHECK(std::isfinite(result[0]));
    CHECK(std::isnan(result[1]));
    CHECK(std::isfinite(result[2]));
    input_activation_backward(activation, 3, x.data(), dy.data(), result.data());
    CHECK(std::isnan(result[1]));
    CHECK(std::isfinite(result[2]));
  }
}
