#include "kernels/vectors/vectors.h"

#include <doctest/doctest.h>

#include <limits>
#include <utility>
#include <vector>

#include "kernels/reference/vectors.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("vectors: element by element to one rounding at every length, also in place") {
  RandomData random(61);
  for (int64_t count = 0; count <= 70; ++count) {
    CAPTURE(count);
    GuardedBuffer a(random.normal(count), 1);
    GuardedBuffer b(random.normal(count), 2);
    GuardedBuffer out(count, 1);
    std::vector<double> expected(static_cast<size_t>(count));
    reference::multiply(to_double(a.values()).data(), to_double(b.values()).data(), count, expected.data());
    multiply(a.data(), b.data(), count, out.data());
    CHECK(difference(out.span(), expected, Tolerance{kRoundoff, 0}) == "");
    CHECK(out.intact());
    std::vector<double> total(expected.size());
    GuardedBuffer both(count, 3);
    reference::sum(to_double(a.values()).data(), to_double(b.values()).data(), count, total.data());
    sum(a.data(), b.data(), count, both.data());
    CHECK(difference(both.span(), total, Tolerance{kRoundoff, 0}) == "");
    CHECK(both.intact());
    std::vector<double> sums = to_double(b.values());
    reference::add_scaled(0.5, to_double(a.values()).data(), count, sums.data());
    add_scaled(0.5F, a.data(), count, b.data());
    CHECK(difference(b.span(), sums, Tolerance{2 * kRoundoff, 16 * kRoundoff}) == "");
    CHECK(b.intact());
    multiply(a.data(), out.data(), count, out.data());
    reference::multiply(to_double(a.values()).data(), expected.data(), count, expected.data());
    CHECK(difference(out.span(), expected, Tolerance{2 * kRoundoff, 0}) == "");
  }
}

TEST_CASE("vectors: by rows of every width, integers exactly") {
  RandomData random(62);
  for (const int64_t rows : {0, 1, 3, 5}) {
    for (int64_t width = 1; width <= 70; ++width) {
      CAPTURE(rows);
      CAPTURE(width);
      GuardedBuffer a(random.integers(rows * width), 1);
      GuardedBuffer b(random.integers(rows * width), 2);
      GuardedBuffer y(rows, 3);
      GuardedBuffer out(rows * width, 1);
      std::vector<double> dots(static_cast<size_t>(rows));
      std::vector<double> scaled(static_cast<size_t>(rows * width));
      reference::dot_rows(to_double(a.values()).data(), to_double(b.values()).data(), rows, width, dots.data());
      dot_rows(a.data(), b.data(), rows, width, y.data());
      CHECK(difference(y.span(), dots, Tolerance{0, 0}) == "");
      reference::scale_rows(dots.data(), to_double(a.values()).data(), rows, width, scaled.data());
      scale_rows(y.data(), a.data(), rows, width, out.data());
      CHECK(difference(out.span(), scaled, Tolerance{0, 0}) == "");
      CHECK((y.intact() && out.intact()));
    }
  }
}

TEST_CASE("vectors: all_finite finds what is not finite wherever it stands, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    for (const int64_t count : {0, 1, 2, 7, 16, 31, 32, 33, 63, 64, 97}) {
      std::vector<float> values(static_cast<size_t>(count), -std::numeric_limits<float>::max());
      CHECK(all_finite(values.data(), count));
      for (float& value : values) {
        for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity()}) {
          const float kept = std::exchange(value, bad);
          CHECK_FALSE(all_finite(values.data(), count));
          value = kept;
        }
      }
    }
  });
}

TEST_CASE("vectors: add_scaled reaches every element once on every instruction set, integers exactly") {
  RandomData random(71);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const int64_t count : {1, 15, 64, 77, 1024}) {
      const std::vector<float> x = random.integers(count, 100);
      const std::vector<float> before = random.integers(count, 100);
      std::vector<float> y = before;
      add_scaled(3, x.data(), count, y.data());
      for (size_t i = 0; i < y.size(); ++i) CHECK(y[i] == 3 * x[i] + before[i]);
    }
  });
}
