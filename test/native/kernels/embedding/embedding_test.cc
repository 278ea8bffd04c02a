#include "kernels/embedding/embedding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "datasets/sparse_batch.h"
#include "kernels/reference/embedding.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Bags {
  std::vector<int64_t> offsets = {0};
  std::vector<uint32_t> indices = {};
  std::vector<float> values = {};

  SparseRows view(bool with_values) const {
    return {static_cast<int64_t>(offsets.size()) - 1, offsets.data(), indices.data(),
            with_values ? values.data() : nullptr};
  }
};

// Empty bags, and rows named more than once, the first and the last among them.
Bags random_bags(RandomData& random, int64_t count, int64_t rows) {
  Bags bags;
  for (int64_t n = 0; n < count; ++n) {
    for (int64_t i = random.pick({0, 1, 2, 5, 40}); i > 0; --i) {
      bags.indices.push_back(static_cast<uint32_t>(random.pick({int64_t{0}, rows - 1, random.integer(0, rows - 1)})));
    }
    bags.offsets.push_back(static_cast<int64_t>(bags.indices.size()));
  }
  bags.values = random.normal(static_cast<int64_t>(bags.indices.size()));
  return bags;
}

std::vector<uint32_t> samples_of(const Bags& bags) {
  std::vector<uint32_t> samples;
  for (size_t n = 0; n + 1 < bags.offsets.size(); ++n) {
    samples.resize(static_cast<size_t>(bags.offsets[n + 1]), static_cast<uint32_t>(n));
  }
  return samples;
}

// The entries of the rows that are named.
struct Grouped {
  std::vector<uint32_t> rows = {};
  std::vector<uint64_t> keys = {};
  std::vector<int64_t> starts = {0};

  int64_t count() const { return static_cast<int64_t>(rows.size()); }
  RowGroups view() const { return {count(), rows.data(), starts.data(), keys.data()}; }
};

Grouped group_by_row(const Bags& bags, int64_t rows) {
  Grouped grouped;
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t e = 0; e < bags.indices.size(); ++e) {
      if (bags.indices[e] == row) grouped.keys.push_back(static_cast<uint64_t>(row) << 32 | e);
    }
    const auto end = static_cast<int64_t>(grouped.keys.size());
    if (end == grouped.starts.back()) continue;
    grouped.rows.push_back(static_cast<uint32_t>(row));
    grouped.starts.push_back(end);
  }
  return grouped;
}

struct Rule {
  Pooling pooling;
  bool with_values;
  int64_t padding;
};

void check_rule(RandomData& random, const Rule& rule, int64_t width) {
  constexpr int64_t kRows = 9;
  constexpr int64_t kBags = 7;
  const Bags bags = random_bags(random, kBags, kRows);
  const SparseRows view = bags.view(rule.with_values);
  GuardedBuffer table(random.normal(kRows * width), 1);
  const BagRule bag_rule{rule.pooling, rule.padding};
  GuardedBuffer y(kBags * width, 3);
  std::vector<int32_t> winners(static_cast<size_t>(kBags * width), -2);
  pool_rows(bag_rule, view, table.data(), width, 0, 3, y.data(), winners.data());
  pool_rows(bag_rule, view, table.data(), width, 3, kBags - 3, y.data(), winners.data());
  const std::vector<double> exact_table = to_double(table.values());
  CHECK(difference(y.span(), reference::pool_rows(bag_rule, view, exact_table, width), Tolerance{1e-5, 1e-5}) == "");
  CHECK(y.intact());

  // The same bits from rows with something between them.
  const int64_t stride = width + 5;
  std::vector<float> apart(static_cast<size_t>(kRows * stride), std::nanf(""));
  for (int64_t r = 0; r < kRows; ++r) std::copy_n(table.data() + r * width, width, apart.data() + r * stride);
  GuardedBuffer y_of_apart(kBags * width, 3);
  pool_rows(bag_rule, view, apart.data(), {width, stride}, 0, kBags, y_of_apart.data(), winners.data());
  CHECK(difference_in_bits(y_of_apart.span(), y.span()) == "");
  CHECK(y_of_apart.intact());

  std::vector<float> dy = random.normal(kBags * width);
  const std::vector<double> expected = reference::pool_rows_backward(bag_rule, view, exact_table, width, to_double(dy));
  if (rule.pooling == Pooling::kMean) {
    for (int64_t n = 0; n < kBags; ++n) {
      const auto entries = static_cast<float>(std::max<int64_t>(1, count_entries(view, n, rule.padding)));
      for (int64_t i = 0; i < width; ++i) dy[static_cast<size_t>(n * width + i)] /= entries;
    }
  }
  const std::vector<uint32_t> samples = samples_of(bags);
  const Grouped grouped = group_by_row(bags, kRows);
  const RowGroups groups = grouped.view();
  GuardedBuffer gradient(grouped.count() * width, 1);
  const int64_t half = grouped.count() / 2;
  for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, half}, {half, grouped.count() - half}}) {
    float* to = gradient.data() + first * width;
    if (rule.pooling == Pooling::kMax) {
      sum_winner_gradients({groups, first, count}, samples.data(), dy.data(), winners.data(), width, to);
    } else {
      sum_group_gradients({groups, first, count}, {samples.data(), view.values}, dy.data(), width, to);
    }
  }
  // Entry by entry, the same sums.
  const auto entries = static_cast<int64_t>(bags.indices.size());
  std::vector<uint64_t> backwards;
  for (int64_t e = entries; e-- > 0;) backwards.push_back(static_cast<uint64_t>(e));
  for (const bool in_order : {true, false}) {
    EntryParts parts{.rows = bags.indices.data(), .keys = in_order ? nullptr : backwards.data()};
    GuardedBuffer terms(entries * width, 1);
    for (const auto& [first, count] :
         {std::pair<int64_t, int64_t>{0, entries / 2}, {entries / 2, entries - entries / 2}}) {
      float* to = terms.data() + first * width;
      if (rule.pooling == Pooling::kMax) {
        entry_winner_gradients({parts, first, count}, samples.data(), dy.data(), winners.data(), width, to);
      } else {
        entry_gradients({parts, first, count}, {samples.data(), view.values}, dy.data(), width, to);
      }
    }
    CHECK(terms.intact());
    std::vector<double> sums(static_cast<size_t>(kRows * width));
    for (int64_t place = 0; place < entries; ++place) {
      const int64_t row = bags.indices[static_cast<size_t>(parts.entry(place))];
      for (int64_t i = 0; i < width && row != rule.padding; ++i) {
        sums[static_cast<size_t>(row * width + i)] += double{terms.data()[place * width + i]};
      }
    }
    for (size_t i = 0; i < sums.size(); ++i)
      CHECK(std::abs(sums[i] - expected[i]) <= 1e-4 * (1 + std::abs(expected[i])));
  }
  CHECK(gradient.intact());
  std::vector<float> gradients(static_cast<size_t>(kRows * width));
  for (int64_t g = 0; g < grouped.count(); ++g) {
    const int64_t row = grouped.rows[static_cast<size_t>(g)];
    // Layers leave the row of the padding out.
    if (row != rule.padding) std::copy_n(gradient.data() + g * width, width, gradients.data() + row * width);
  }
  CHECK(difference(gradients, expected, Tolerance{1e-4, 1e-4}) == "");
}

}  // namespace

TEST_CASE("bags: sums, means and maxima agree with the reference at all widths, with values and padding") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(901);
    for (const int64_t width : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 64, 100, 129, 250, 257, 385}) {
      CAPTURE(width);
      for (const int64_t padding : {-1, 0, 8}) {
        CAPTURE(padding);
        check_rule(random, {Pooling::kSum, true, padding}, width);
        check_rule(random, {Pooling::kSum, false, padding}, width);
        check_rule(random, {Pooling::kMean, true, padding}, width);
        check_rule(random, {Pooling::kMean, false, padding}, width);
        check_rule(random, {Pooling::kMax, false, padding}, width);
      }
    }
  });
}

TEST_CASE("bags: a maximum that begins as NaN stays NaN; a later NaN does not win") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    const float nan = std::nanf("");
    for (const int64_t width : {1, 5, 40}) {
      std::vector<float> table(static_cast<size_t>(3 * width), 1.0F);
      std::fill_n(table.data(), width, nan);
      const Bags bags{{0, 2, 4}, {0, 1, 1, 0}, {}};
      std::vector<float> y(static_cast<size_t>(2 * width));
      std::vector<int32_t> winners(y.size());
      pool_rows({Pooling::kMax}, bags.view(false), table.data(), width, 0, 2, y.data(), winners.data());
      CHECK(std::all_of(y.begin(), y.begin() + width, [](float value) { return std::isnan(value); }));
      CHECK(std::all_of(y.begin() + width, y.end(), [](float value) { return value == 1.0F; }));
      CHECK(winners.front() == 0);
      CHECK(winners.back() == 2);
    }
  });
}

TEST_CASE("bags: each value's gradient is its row times that of the sample, added, and padding has none") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(903);
    constexpr int64_t kRows = 9;
    for (const int64_t width : {1, 7, 16, 65, 100}) {
      CAPTURE(width);
      const Bags bags = random_bags(random, 7, kRows);
      const std::vector<float> table = random.normal(kRows * width);
      const std::vector<float> dy = random.normal(7 * width);
      const auto entries = static_cast<int64_t>(bags.indices.size());
      GuardedBuffer gradients(entries, 1);
      std::vector<double> expected;
      for (int64_t n = 0; n < 7; ++n) {
        for (int64_t e = bags.offsets[static_cast<size_t>(n)]; e < bags.offsets[static_cast<size_t>(n) + 1]; ++e) {
          gradients.data()[e] = 2;
          const int64_t row = bags.indices[static_cast<size_t>(e)];
          double sum = 2;
          for (int64_t i = 0; i < width && row != 8; ++i) {
            sum += double{dy[static_cast<size_t>(n * width + i)]} * double{table[static_cast<size_t>(row * width + i)]};
          }
          expected.push_back(sum);
        }
      }
      for (const SampleRange& samples : {SampleRange{0, 3}, SampleRange{3, 4}}) {
        add_value_gradients(bags.view(true), {table.data(), width, 8}, dy.data(), samples, gradients.data());
      }
      CHECK(difference(gradients.span(), expected, Tolerance{1e-5, 1e-5}) == "");
      CHECK(gradients.intact());
    }
  });
}

TEST_CASE("lookups copy rows, and a row's gradient is the sum over its places in order, the same on every processor") {
  RandomData random(902);
  for (const int64_t width : {1, 2, 3, 5, 8, 11, 16, 33, 100, 150}) {
    CAPTURE(width);
    const std::vector<float> table = random.normal(5 * width);
    const std::vector<uint32_t> ids = {4, 0, 4, 4, 1, 0, 4};
    const std::vector<float> dy = random.normal(static_cast<int64_t>(ids.size()) * width);
    const std::vector<uint64_t> keys = {0, 2, 3, 6};  // of row 4
    std::vector<float> expected(static_cast<size_t>(width));
    for (const uint64_t e : keys) {
      for (int64_t i = 0; i < width; ++i) {
        expected[static_cast<size_t>(i)] += dy[static_cast<size_t>(static_cast<int64_t>(e) * width + i)];
      }
    }
    for_each_simd_target([&](const std::string& target) {
      CAPTURE(target);
      GuardedBuffer y(static_cast<int64_t>(ids.size()) * width, 1);
      gather_rows(table.data(), width, ids.data(), static_cast<int64_t>(ids.size()), y.data());
      CHECK(y.intact());
      for (size_t e = 0; e < ids.size(); ++e) {
        const auto* row = table.data() + ids[e] * width;
        CHECK(std::equal(row, row + width, y.data() + static_cast<int64_t>(e) * width));
      }
      std::vector<float> gradient(static_cast<size_t>(width));
      const std::vector<int64_t> starts = {0, 4};
      const RowGroups groups{1, nullptr, starts.data(), keys.data()};
      sum_group_gradients({groups, 0, 1}, {nullptr, nullptr}, dy.data(), width, gradient.data());
      CHECK(difference_in_bits(gradient, expected) == "");
    });
  }
}

TEST_CASE("sums of groups, long and short ones, have the bits of a loop over their entries") {
  RandomData random(903);
  constexpr int64_t kGroups = 50;
  constexpr int64_t kSamples = 30;
  // The widest of the most entries are more than L2 holds.
  for (const int64_t width : {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 100, 250, 257, 385}) {
    for (const int64_t longest : {1, 2, 4, 40}) {
      CAPTURE(width);
      CAPTURE(longest);
      Grouped grouped;
      for (int64_t g = 0; g < kGroups; ++g) {
        for (int64_t i = random.integer(1, longest); i > 0; --i) {
          grouped.keys.push_back(static_cast<uint64_t>(3 * g) << 32 | grouped.keys.size());
        }
        grouped.rows.push_back(static_cast<uint32_t>(3 * g));
        grouped.starts.push_back(static_cast<int64_t>(grouped.keys.size()));
      }
      const auto entries = static_cast<int64_t>(grouped.keys.size());
      const std::vector<float> factors = random.normal(entries);
      const std::vector<float> dy = random.normal(std::max(entries, kSamples) * width);
      std::vector<uint32_t> samples;
      for (int64_t e = 0; e < entries; ++e) samples.push_back(static_cast<uint32_t>(random.integer(0, kSamples - 1)));
      const RowGroups groups = grouped.view();
      for (const bool pooled : {true, false}) {
        const EntryTerms terms = pooled ? EntryTerms{samples.data(), factors.data()} : EntryTerms{nullptr, nullptr};
        std::vector<float> expected(static_cast<size_t>(kGroups * width));
        for (int64_t g = 0; g < kGroups; ++g) {
          for (int64_t k = groups.starts[g]; k < groups.starts[g + 1]; ++k) {
            const uint32_t e = RowGroups::entry(groups.keys[k]);
            const float* from = dy.data() + int64_t{pooled ? samples[e] : e} * width;
            for (int64_t i = 0; i < width; ++i) {
              // Rounded before it is added.
              const volatile float term = (pooled ? factors[e] : 1.0F) * from[i];
              expected[static_cast<size_t>(g * width + i)] += term;
            }
          }
        }
        for_each_simd_target([&](const std::string& target) {
          CAPTURE(target);
          GuardedBuffer gradients(kGroups * width, 1);
          for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 20}, {20, kGroups - 20}}) {
            sum_group_gradients({groups, first, count}, terms, dy.data(), width, gradients.data() + first * width);
          }
          CHECK(gradients.intact());
          CHECK(difference_in_bits(gradients.span(), expected) == "");
        });
      }
    }
  }
}
