#include "training/network/initial_weights.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr Fans kFans{300, 100};

Initializer resolve(const Spec::Object& given) {
  return read_initializer(Spec::Object{{"weightInitializer", given}}, "weightInitializer", "dense \"d\"", kFans);
}

std::vector<float> draw(const Spec::Object& given, const Shape& shape, uint64_t seed = 1, uint32_t stream = 0) {
  std::vector<float> values(static_cast<size_t>(shape.size()));
  initialize({"weight", shape, resolve(given)}, seed, stream, values);
  return values;
}

struct Moments {
  double mean = 0;
  double variance = 0;
  double largest = 0;
};

Moments moments(const std::vector<float>& values) {
  Moments m;
  const auto count = static_cast<double>(values.size());
  for (const float v : values) {
    m.mean += v / count;
    m.variance += static_cast<double>(v) * v / count;
    m.largest = std::max(m.largest, std::abs(static_cast<double>(v)));
  }
  return m;
}

}  // namespace

TEST_CASE("initializers: mean 0, the variance of their definition, and their bounds") {
  struct Case {
    const char* kind;
    double variance;
    double bound;  // in standard deviations
  };
  constexpr double kUniform = 1.7320508075688772;
  constexpr double kTruncated = 2 / 0.87962566103423978;
  for (const auto& [kind, variance, bound] : {Case{"glorotUniform", 2.0 / 400, kUniform},
                                              {"glorotNormal", 2.0 / 400, kTruncated},
                                              {"heUniform", 2.0 / 300, kUniform},
                                              {"heNormal", 2.0 / 300, kTruncated},
                                              {"lecunUniform", 1.0 / 300, kUniform},
                                              {"lecunNormal", 1.0 / 300, kTruncated}}) {
    CAPTURE(kind);
    const Moments m = moments(draw({{"kind", kind}}, {100, 300}));
    CHECK(std::abs(m.mean) < 4 * std::sqrt(variance / 30000));
    CHECK(m.variance == doctest::Approx(variance).epsilon(0.04));
    CHECK(m.largest <= bound * std::sqrt(variance) * (1 + 1e-6));
    CHECK(m.largest > 0.99 * bound * std::sqrt(variance));
  }
  const Moments m = moments(draw({{"kind", "truncatedNormal"}, {"standardDeviation", 0.5}}, {100, 300}));
  CHECK(m.variance == doctest::Approx(0.25 * 0.7737413).epsilon(0.04));
  CHECK(m.largest <= 1.0);
}

TEST_CASE("initializers: constants, and values that follow from seed and parameter alone") {
  CHECK(draw({{"kind", "zeros"}}, {2, 2}) == std::vector<float>(4, 0.0F));
  CHECK(draw({{"kind", "constant"}, {"value", -0.25}}, {3}) == std::vector<float>(3, -0.25F));
  for (const char* kind : {"glorotUniform", "heNormal"}) {
    const std::vector<float> values = draw({{"kind", kind}}, {7, 5});
    CHECK(draw({{"kind", kind}}, {7, 5}) == values);
    CHECK(draw({{"kind", kind}}, {7, 5}, 2) != values);
    CHECK(draw({{"kind", kind}}, {7, 5}, 1, 1) != values);
  }
}

TEST_CASE("orthogonal: rows, or columns when they are fewer, are orthonormal times the gain") {
  for (const Shape& shape : {Shape{5, 9}, Shape{9, 5}, Shape{6, 6}, Shape{1, 7}, Shape{4, 3, 3, 2}}) {
    CAPTURE(shape.to_string());
    const std::vector<float> w = draw({{"kind", "orthogonal"}, {"gain", 2.0}}, shape);
    const int64_t rows = shape[0];
    const int64_t columns = shape.size() / rows;
    const bool by_row = rows <= columns;
    const auto at = [&](int64_t vector, int64_t i) {
      return static_cast<double>(w[static_cast<size_t>(by_row ? vector * columns + i : i * columns + vector)]);
    };
    for (int64_t a = 0; a < std::min(rows, columns); ++a) {
      for (int64_t b = 0; b <= a; ++b) {
        double dot = 0;
        for (int64_t i = 0; i < std::max(rows, columns); ++i) dot += at(a, i) * at(b, i);
        CHECK(std::abs(dot - (a == b ? 4.0 : 0.0)) < 1e-6);
      }
    }
  }
}

TEST_CASE("initializers: unknown kinds and wrong numbers are refused") {
  CHECK(error_of([] {
          resolve({{"kind", "glorot"}});
        }) == "INVALID_SPEC: dense \"d\": weightInitializer \"glorot\" does not exist");
  CHECK(error_of([] {
          resolve({{"kind", "truncatedNormal"}, {"standardDeviation", -1.0}});
        }) == "INVALID_SPEC: dense \"d\": standardDeviation must be a finite number of at least 0");
  CHECK(error_of([] { resolve({{"kind", "constant"}}); }) == "INVALID_SPEC: attribute \"value\" is missing");
}

TEST_CASE("initializers: given values are taken as they are, zeros stand where they are missing") {
  const auto values = std::make_shared<const std::vector<float>>(std::vector<float>{1, -2, 3, 4, 5, 6.5F});
  const Spec::Object nested{{"kind", "given"}, {"shape", Spec::List{2, 3}}, {"values", values}};
  const Spec::Object row{{"kind", "given"}, {"shape", Spec::List{6}}, {"values", values}};
  const Spec::Object missing{{"kind", "given"}, {"shape", Spec::List{2, 3}}};
  for (const Spec::Object& given : {nested, row}) CHECK(draw(given, {2, 3}) == *values);
  CHECK(draw(missing, {2, 3}) == std::vector<float>(6, 0.0F));

  const auto check = [](const Spec::Object& given, const Shape& shape) {
    return error_of([&] { check_initializer({"weight", shape, resolve(given)}, "d.weight"); });
  };
  CHECK(check(nested, {2, 3}).empty());
  CHECK(check(row, {2, 3}).empty());
  CHECK(check(row, {3, 2}).empty());
  CHECK(check(nested, {3, 2}) ==
        "SHAPE_MISMATCH: d.weight has shape [3, 2], its given initial values have shape [2, 3]");
  CHECK(check(missing, {6}) == "SHAPE_MISMATCH: d.weight has shape [6], its given initial values have shape [2, 3]");
  const Spec::Object short_of_one{{"kind", "given"}, {"shape", Spec::List{7}}, {"values", values}};
  CHECK(check(short_of_one, {7}) == "INVALID_SPEC: d.weight: 6 initial values are given for the shape [7]");
  CHECK(contains(error_of([&] {
                   resolve({{"kind", "given"}, {"shape", Spec::List{1}}, {"values", "text"}});
                 }),
                 "attribute \"values\" must be an array of floats"));
}
