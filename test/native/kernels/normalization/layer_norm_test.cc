#include "kernels/normalization/layer_norm.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/reference/normalization.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

using Values = std::vector<double>;

void check(RandomData& random, int64_t rows, int64_t columns, bool affine) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(affine);
  constexpr double kEpsilon = 0.01;
  const reference::NormalizationShape shape{rows, columns, kEpsilon};
  GuardedBuffer x(random.normal(rows * columns), 1);
  GuardedBuffer dy(random.normal(rows * columns), 3);
  const auto width = static_cast<size_t>(columns);
  const std::vector<float> weight = affine ? random.normal(columns) : std::vector<float>(width, 1);
  const std::vector<float> bias = affine ? random.normal(columns) : std::vector<float>(width);
  const Values exact_x = to_double(x.values());
  const auto expected = reference::layer_norm_backward(shape, exact_x, to_double(weight), to_double(dy.values()));

  std::vector<RowMoments> moments(static_cast<size_t>(rows));
  row_moments(rows, columns, kEpsilon, x.data(), moments.data());
  GuardedBuffer y(rows * columns, 2);
  const ColumnAffine by{affine ? weight.data() : nullptr, affine ? bias.data() : nullptr};
  layer_norm(rows, columns, moments.data(), by, x.data(), y.data());
  const Values exact_y = reference::layer_norm(shape, exact_x, to_double(weight), to_double(bias));
  CHECK(difference(y.span(), exact_y, Tolerance{1e-6, 1e-5}) == "");
  CHECK(y.intact());

  GuardedBuffer dx(rows * columns, 1);
  layer_norm_backward(rows, columns, moments.data(), by.weight, x.data(), dy.data(), dx.data());
  CHECK(difference(dx.span(), expected.dx, Tolerance{1e-5, 5e-5}) == "");
  CHECK(dx.intact());

  // Sums of a block of columns, the whole width at once and from column 1 on.
  for (const int64_t first : {int64_t{0}, columns > 1 ? int64_t{1} : int64_t{0}}) {
    const auto count = static_cast<size_t>(columns - first);
    Values weights(count, std::nan(""));
    Values biases(count, std::nan(""));
    layer_norm_parameter_sums({rows, columns - first, columns}, moments.data(), x.data() + first, dy.data() + first,
                              {weights.data(), biases.data()});
    const Values expected_weights(expected.dweight.begin() + first, expected.dweight.end());
    const Values expected_biases(expected.dbias.begin() + first, expected.dbias.end());
    CHECK(difference(weights, expected_weights, Tolerance{1e-5, 1e-5}) == "");
    CHECK(difference(biases, expected_biases, Tolerance{1e-12, 1e-12}) == "");
  }
}

}  // namespace

TEST_CASE("layer_norm: agrees with the reference at every width on every instruction set") {
  RandomData random(81);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const int64_t columns : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 67}) {
      for (const int64_t rows : {0, 1, 3, 8}) {
        check(random, rows, columns, true);
        check(random, rows, columns, false);
      }
    }
  });
}

TEST_CASE("layer_norm: squares about 0 would lose the variance of a thousand numbers next to each other") {
  std::vector<float> x(1000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = i % 2 == 0 ? 16777215.0F : 16777214.0F;
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RowMoments moments{};
    row_moments(1, 1000, 1e-5, x.data(), &moments);
    CHECK(moments.inverse_deviation == doctest::Approx(1 / std::sqrt(0.25 + 1e-5)).epsilon(1e-6));
  });
}

TEST_CASE("layer_norm: a mean far from 0 does not spoil the variance; NaN stays in its row") {
  std::vector<float> x = {4097, 4098, 4099, 4100, 1, 2, std::numeric_limits<float>::quiet_NaN(), 4, 1, 2, 3, 4};
  std::vector<RowMoments> moments(3);
  row_moments(3, 4, 1e-5, x.data(), moments.data());
  CHECK(moments[0].mean == 4098.5F);
  CHECK(moments[0].inverse_deviation == doctest::Approx(1 / std::sqrt(1.25 + 1e-5)).epsilon(1e-6));
  CHECK(moments[2].inverse_deviation == moments[0].inverse_deviation);
  std::vector<float> y(12);
  layer_norm(3, 4, moments.data(), {nullptr, nullptr}, x.data(), y.data());
  for (size_t i = 0; i < 12; ++i) CHECK(std::isnan(y[i]) == (i / 4 == 1));
}
