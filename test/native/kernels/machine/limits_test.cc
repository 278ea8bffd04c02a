#include "kernels/machine/limits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "support/guarded_buffer.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("multiply_add_chains: every chain takes every step, as many operations as are counted") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    const int64_t chains = multiply_add_flops(1) / 2;  // of single floats
    for (const int64_t rounds : {0, 1, 7, 1000}) {
      CAPTURE(rounds);
      CHECK(multiply_add_flops(rounds) == 2 * rounds * chains);
      CHECK(multiply_add_chains(rounds, 1, 1) == static_cast<float>(chains * rounds));
    }
    // x = 2 x + 1 from x to 2^n x + 2^n - 1.
    CHECK(multiply_add_chains(5, 2, 1) == static_cast<float>(31 * chains));
  });
}

TEST_CASE("root_division_chains: every chain takes every step, as many operations as are counted") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    const auto chains = static_cast<float>(roots_and_divisions(1) / 2);  // of single floats
    CHECK(roots_and_divisions(7) == 7 * roots_and_divisions(1));
    CHECK(root_division_chains(0, 16) == chains);
    CHECK(root_division_chains(1, 16) == 16 * chains);  // 16 / sqrt(1)
    CHECK(root_division_chains(2, 16) == 4 * chains);   // 16 / sqrt(16)
    CHECK(root_division_chains(3, 16) == 8 * chains);   // 16 / sqrt(4)
  });
}

TEST_CASE("placed rows: each is summed or scaled as often as it is named, and no other one") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    for (const auto& [lines, from_memory] :
         std::vector<std::pair<int64_t, bool>>{{1, false}, {1, true}, {3, false}, {3, true}}) {
      CAPTURE(lines);
      CAPTURE(from_memory);
      constexpr int64_t kRows = 300;
      const int64_t width = 16 * lines;
      // Row r has the values r, r + 1 .. in turn.
      std::vector<float> values;
      for (int64_t i = 0; i < kRows * width; ++i) values.push_back(static_cast<float>(i / width + i % width));
      GuardedBuffer table(values);
      std::vector<uint32_t> places;
      for (uint32_t i = 0; i < 250; ++i) places.push_back(i * 7 % 190);  // not all, some of them twice
      places.push_back(0);
      float sum = 0;
      std::vector<float> scaled = values;
      for (const uint32_t place : places) {
        for (int64_t i = place * width; i < (place + 1) * width; ++i) {
          sum += values[static_cast<size_t>(i)];
          scaled[static_cast<size_t>(i)] *= 2;
        }
      }
      const PlacedRows rows{lines, places.data(), static_cast<int64_t>(places.size()), from_memory};
      CHECK(sum_placed_rows(table.data(), rows) == sum);
      scale_placed_rows(table.data(), rows, 2);
      CHECK(std::ranges::equal(table.span(), scaled));
      CHECK(table.intact());
      CHECK(sum_placed_rows(table.data(), {lines, places.data(), 0, from_memory}) == 0);
    }
  });
}
