#include "kernels/embedding/unsorted_segment_sum.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <numeric>
#include <vector>

#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Batch {
  std::vector<int64_t> offsets = {0};
  std::vector<uint32_t> rows = {};
  std::vector<float> values = {};
  std::vector<float> dy = {};

  SparseRows view(bool with_values) const {
    return {static_cast<int64_t>(dy.size()), offsets.data(), rows.data(), with_values ? values.data() : nullptr};
  }
};

// One hot row, and the first and the last.
Batch random_batch(RandomData& random, int64_t samples, int64_t rows) {
  Batch batch;
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t i = random.pick({0, 1, 3, 60}); i > 0; --i) {
      batch.rows.push_back(
          static_cast<uint32_t>(random.pick({rows / 3, int64_t{0}, rows - 1, random.integer(0, rows - 1),
                                             random.integer(0, rows - 1), random.integer(0, rows - 1)})));
    }
    batch.offsets.push_back(static_cast<int64_t>(batch.rows.size()));
  }
  batch.values = random.normal(static_cast<int64_t>(batch.rows.size()));
  batch.dy = random.normal(samples);
  return batch;
}

std::map<uint32_t, float> plain_sums(const Batch& batch, bool with_values) {
  std::map<uint32_t, float> sums;
  for (size_t n = 0; n < batch.dy.size(); ++n) {
    for (auto e = static_cast<size_t>(batch.offsets[n]); e < static_cast<size_t>(batch.offsets[n + 1]); ++e) {
      const float value = with_values ? batch.values[e] : 1.0F;
      sums[batch.rows[e]] += value * batch.dy[n];
    }
  }
  return sums;
}

// Dealt out in `blocks` blocks of samples.
std::map<uint32_t, float> sums_by_parts(const Batch& batch, bool with_values, int64_t table_rows, int64_t blocks) {
  const RadixDigit part = part_of_rows(table_rows);
  const SparseRows bags = batch.view(with_values);
  std::vector<uint32_t> counts(static_cast<size_t>(blocks * part.size()), 7);
  const auto first = [&](int64_t block) { return block * bags.count / blocks; };
  const auto counts_of = [&](int64_t block) { return counts.data() + block * part.size(); };
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t from = bags.offsets[first(b)];
    count_parts(part, bags.indices + from, bags.offsets[first(b + 1)] - from, counts_of(b));
  }
  places_of_counts(part, blocks, counts.data());
  std::vector<RowTerm> terms(batch.rows.size());
  for (int64_t b = 0; b < blocks; ++b) {
    partition_terms(part, bags, batch.dy.data(), {first(b), first(b + 1) - first(b)}, counts_of(b), terms.data());
  }
  std::vector<float> slots(static_cast<size_t>(slots_of(part)), kNoSum);
  const uint32_t* ends = counts_of(blocks - 1);
  std::vector<uint32_t> rows(terms.size());
  std::vector<float> values(terms.size());
  int64_t taken = 0;
  for (int64_t p = 0; p < part.size(); ++p) {
    const int64_t begin = p == 0 ? 0 : ends[p - 1];
    const int64_t last = begin + sum_terms(part, terms.data() + begin, ends[p] - begin, slots.data());
    // In two pieces: what stands in the first one has no sum left in the second.
    for (const auto& [from, end] : {std::pair{begin, (begin + last) / 2}, {(begin + last) / 2, last}}) {
      taken +=
          take_sums(part, terms.data() + from, end - from, slots.data(), rows.data() + taken, values.data() + taken);
    }
  }
  for (const float slot : slots) CHECK(std::memcmp(&slot, &kNoSum, sizeof(float)) == 0);
  std::map<uint32_t, float> sums;
  for (size_t i = 0; i < static_cast<size_t>(taken); ++i) {
    CHECK(sums.count(rows[i]) == 0);
    sums[rows[i]] = values[i];
  }
  return sums;
}

bool equal_bits(const std::map<uint32_t, float>& a, const std::map<uint32_t, float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && std::memcmp(&x.second, &y.second, sizeof(float)) == 0;
  });
}

}  // namespace

TEST_CASE("unsorted segment sum: sums by row in order of position, in any number of blocks, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(913);
    for (const int64_t rows : {int64_t{1}, int64_t{2}, int64_t{4096}, int64_t{4097}, int64_t{100'000},
                               int64_t{1'000'000}, int64_t{1} << 24}) {
      for (const int64_t samples : {1, 2, 17, 300}) {
        const Batch batch = random_batch(random, samples, rows);
        for (const bool with_values : {false, true}) {
          for (const int64_t blocks : {1, 2, 3}) {
            CAPTURE(rows);
            CAPTURE(samples);
            CAPTURE(blocks);
            CHECK(equal_bits(sums_by_parts(batch, with_values, rows, blocks), plain_sums(batch, with_values)));
          }
        }
      }
    }
  });
}

TEST_CASE("unsorted segment sum: a row in nearly all entries leaves few terms, and the same sums") {
  RandomData random(914);
  for (const int64_t rows : {int64_t{4096}, int64_t{1'000'000}}) {
    Batch batch;
    const auto hot = static_cast<uint32_t>(rows / 2);
    for (int64_t n = 1; n <= 300; ++n) {
      for (int64_t i = 0; i < 10; ++i) batch.rows.push_back(hot);
      // Others of its part among them.
      if (n % 3 == 0) batch.rows.push_back(hot + static_cast<uint32_t>(random.integer(-2, 2)));
      batch.offsets.push_back(static_cast<int64_t>(batch.rows.size()));
    }
    batch.values = random.normal(static_cast<int64_t>(batch.rows.size()));
    batch.dy = random.normal(300);
    for (const int64_t blocks : {1, 2}) {
      CHECK(equal_bits(sums_by_parts(batch, true, rows, blocks), plain_sums(batch, true)));
    }
  }
  const RadixDigit part = part_of_rows(4096);
  std::vector<float> slots(static_cast<size_t>(slots_of(part)), kNoSum);
  std::vector<RowTerm> terms(2000, RowTerm{7} << 32 | std::bit_cast<uint32_t>(1.0F));
  terms.back() = RowTerm{8} << 32 | std::bit_cast<uint32_t>(3.0F);
  REQUIRE(sum_terms(part, terms.data(), 2000, slots.data()) == 2);
  std::vector<uint32_t> rows(2);
  std::vector<float> sums(2);
  CHECK(take_sums(part, terms.data(), 2, slots.data(), rows.data(), sums.data()) == 2);
  CHECK(rows == std::vector<uint32_t>{7, 8});
  CHECK(sums == std::vector<float>{1999, 3});
}

TEST_CASE(
    "unsorted segment sum: tables of very few rows, and of more than parts have slots for, are left to the sort") {
  CHECK(!unsorted_sum_pays(1));
  CHECK(!unsorted_sum_pays(2048));
  CHECK(!unsorted_sum_pays((int64_t{1} << 24) + 1));
  for (const int64_t rows : {int64_t{2049}, int64_t{4096}, int64_t{4097}, (int64_t{1} << 22) + 1, int64_t{1} << 24}) {
    CAPTURE(rows);
    CHECK(unsorted_sum_pays(rows));
    const RadixDigit part = part_of_rows(rows);
    CHECK(part.size() * slots_of(part) >= rows);
    CHECK(slots_of(part) <= kMostSlots);
    CHECK(part.of(static_cast<uint64_t>(rows - 1)) < part.size());
  }
}

TEST_CASE("unsorted segment sum: a sum begins with zero, so that it is never minus zero") {
  const Batch batch{.offsets = {0, 2}, .rows = {5, 9}, .values = {-0.0F, 1.0F}, .dy = {1.0F}};
  const auto sums = sums_by_parts(batch, true, 10, 1);
  CHECK(equal_bits(sums, {{5, 0.0F}, {9, 1.0F}}));
}
