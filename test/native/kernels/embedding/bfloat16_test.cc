#include "kernels/embedding/bfloat16.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/embedding/embedding.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// Of any size and sign, numbers below the normal ones among them.
float any_finite(RandomData& random) {
  while (true) {
    const float x = std::bit_cast<float>(static_cast<uint32_t>(random.integer(0, 0xFFFFFFFF)));
    if (std::isfinite(x) && std::abs(x) < 3e38F) return x;
  }
}

struct Neighbours {
  double towards_zero;
  double away;
};

// Of x among the numbers that 8 bits of precision can hold, by their definition.
Neighbours neighbours_of(double x) {
  const int exponent = std::max(std::ilogb(x), -126);
  const double unit = std::ldexp(1.0, exponent - 7);
  const double lower = std::trunc(x / unit) * unit;
  return {lower, lower == x ? x : lower + std::copysign(unit, x)};
}

std::vector<Bfloat16> rounded(const std::vector<float>& values) {
  std::vector<Bfloat16> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), round_to_nearest);
  return halves;
}

std::vector<float> widened(const std::vector<Bfloat16>& values) {
  std::vector<float> floats(values.size());
  std::transform(values.begin(), values.end(), floats.begin(), [](Bfloat16 x) { return widen(x); });
  return floats;
}

}  // namespace

TEST_CASE("bfloat16: the nearest of the two neighbours, ties to even; what is not finite stays so") {
  RandomData random(21);
  for (int i = 0; i < 2000; ++i) {
    const float x = any_finite(random);
    const Neighbours by = neighbours_of(x);
    const double to_lower = std::abs(x - by.towards_zero);
    const double to_upper = std::abs(x - by.away);
    CAPTURE(x);
    const Bfloat16 actual = round_to_nearest(x);
    if (to_lower == to_upper && by.away != by.towards_zero) {
      CHECK(actual.bits % 2 == 0);
    } else {
      CHECK(widen(actual) == (to_lower < to_upper ? by.towards_zero : by.away));
    }
  }
  CHECK(widen(round_to_nearest(1 + 0x1p-8F)) == 1);
  CHECK(widen(round_to_nearest(1 + 0x3p-8F)) == 1 + 0x1p-6F);
  CHECK(widen(round_to_nearest(-0.0F)) == 0);
  CHECK(round_to_nearest(-0.0F).bits == 0x8000);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(widen(round_to_nearest(-kInfinity)) == -kInfinity);
  for (const uint32_t bits : {0x7F800001U, 0x7FFFFFFFU, 0xFFFFFFFFU, 0x7FC00000U}) {
    CHECK(std::isnan(widen(round_to_nearest(std::bit_cast<float>(bits)))));
    CHECK(std::isnan(widen(round_stochastically(std::bit_cast<float>(bits), 0xFFFF))));
  }
  for (const uint16_t half : {0, 0xFFFF}) CHECK(widen(round_stochastically(kInfinity, half)) == kInfinity);
}

TEST_CASE("bfloat16: over all random numbers a value is one of its neighbours, and itself in the mean") {
  RandomData random(22);
  for (int i = 0; i < 40; ++i) {
    const float x = i == 0 ? -2.5F : i == 1 ? 0x1.FFp0F : any_finite(random);
    CAPTURE(x);
    const Neighbours by = neighbours_of(x);
    int64_t away = 0;
    int64_t others = 0;
    for (uint32_t half = 0; half <= 0xFFFF; ++half) {
      const double y = widen(round_stochastically(x, static_cast<uint16_t>(half)));
      away += y == by.away ? 1 : 0;
      others += y != by.away && y != by.towards_zero ? 1 : 0;
    }
    CHECK(others == 0);
    if (by.away == by.towards_zero) continue;
    // Exactly: floats between two neighbours are as many as there are random numbers.
    CHECK(static_cast<double>(away) * 0x1p-16 == (x - by.towards_zero) / (by.away - by.towards_zero));
  }
}

TEST_CASE("bfloat16: rows are rounded by the half at their row and column, and no others are written") {
  constexpr Bfloat16 kUntouched{0x1234};
  constexpr int64_t kRows = 211;
  // More than are rounded at once.
  std::vector<uint32_t> touched;
  for (int64_t i = 0; i < 150; ++i) touched.push_back(static_cast<uint32_t>(77 * i % kRows));
  const RandomStream stream(77, RandomPurpose::kRounding, 3, 5);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(23);
    for (const int64_t width : {1, 7, 8, 9, 64, 100, 385, 1100}) {
      CAPTURE(width);
      std::vector<float> x(touched.size() * static_cast<size_t>(width));
      for (float& value : x) value = any_finite(random);
      std::vector<Bfloat16> table(static_cast<size_t>(kRows * width), kUntouched);
      round_rows({touched.data(), static_cast<int64_t>(touched.size()), width}, x.data(), stream, table.data());
      int64_t wrong = 0;
      for (int64_t row = 0; row < kRows; ++row) {
        const auto place = std::find(touched.begin(), touched.end(), static_cast<uint32_t>(row)) - touched.begin();
        for (int64_t d = 0; d < width; ++d) {
          Bfloat16 expected = kUntouched;
          if (place < static_cast<int64_t>(touched.size())) {
            const PhiloxBlock block = stream.block(static_cast<uint64_t>(row * ((width + 7) / 8) + d / 8));
            const uint32_t word = block[static_cast<size_t>(d % 8 / 2)];
            expected = round_stochastically(x[static_cast<size_t>(place * width + d)],
                                            static_cast<uint16_t>(d % 2 == 0 ? word & 0xFFFF : word >> 16));
          }
          wrong += table[static_cast<size_t>(row * width + d)].bits == expected.bits ? 0 : 1;
        }
      }
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("bfloat16: tables are read as the floats that they stand for, to the bit") {
  constexpr int64_t kRows = 9;
  const std::vector<int64_t> offsets = {0, 3, 3, 10, 11};
  const std::vector<uint32_t> indices = {0, 8, 8, 1, 2, 8, 4, 4, 0, 7, 3};
  const auto entries = static_cast<int64_t>(indices.size());
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(24);
    const std::vector<float> values = random.normal(entries);
    for (const int64_t width : {1, 7, 16, 33, 64, 100, 385}) {
      CAPTURE(width);
      const std::vector<Bfloat16> table = rounded(random.normal(kRows * width));
      const std::vector<float> floats = widened(table);
      const auto both = [&](int64_t count, auto read) {
        GuardedBuffer actual(count, 1);
        GuardedBuffer expected(count, 1);
        read(TableElements(table.data()), actual.data());
        read(TableElements(floats.data()), expected.data());
        CHECK(difference_in_bits(actual.span(), expected.span()) == "");
        CHECK(actual.intact());
      };
      both(entries * width,
           [&](TableElements elements, float* y) { gather_rows(elements, width, indices.data(), entries, y); });
      const SparseRows bags{4, offsets.data(), indices.data(), values.data()};
      for (const Pooling pooling : {Pooling::kSum, Pooling::kMean, Pooling::kMax}) {
        both(4 * width, [&](TableElements elements, float* y) {
          pool_rows({pooling, 8}, bags, elements, width, 0, 4, y, nullptr);
        });
      }
      const std::vector<float> dy = random.normal(4 * width);
      both(entries, [&](TableElements elements, float* gradients) {
        std::fill_n(gradients, entries, 1.0F);
        add_value_gradients(bags, {elements, width, 8}, dy.data(), {0, 4}, gradients);
      });
    }
  });
}
