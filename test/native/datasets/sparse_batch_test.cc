// Threads: 1, 2 and 3.
#include "datasets/sparse_batch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

void fill_one_sample(SparseBatch& batch, const std::vector<uint32_t>& ids) {
  const auto count = static_cast<int64_t>(ids.size());
  batch.reserve(1, count);
  batch.offsets()[0] = 0;
  batch.offsets()[1] = count;
  std::copy(ids.begin(), ids.end(), batch.indices());
  batch.filled(1, false);
}

// On 1, 2 and 3 threads.
void check_groups(SparseBatch& batch, const std::vector<uint32_t>& ids, int64_t rows) {
  CAPTURE(rows);
  CAPTURE(ids.size());
  std::vector<uint32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return ids[a] < ids[b]; });
  std::vector<uint32_t> distinct = ids;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    fill_one_sample(batch, ids);
    Team::run(threads, [&](Team& team) { batch.group(team, rows); });
    const RowGroups& groups = batch.input().groups;
    CHECK(std::vector<uint32_t>(groups.rows, groups.rows + groups.count) == distinct);
    CHECK(groups.starts[groups.count] == static_cast<int64_t>(ids.size()));
    bool sorted = true;
    for (int64_t group = 0; group < groups.count; ++group) {
      for (int64_t k = groups.starts[group]; k < groups.starts[group + 1]; ++k) {
        sorted &= RowGroups::entry(groups.keys[k]) == order[static_cast<size_t>(k)];
        sorted &= ids[order[static_cast<size_t>(k)]] == groups.rows[group];
      }
    }
    CHECK(sorted);
  }
}

}  // namespace

TEST_CASE("SparseBatch: groups are the distinct rows in order, each with its entries in order, on any thread") {
  RandomData random(911);
  SparseBatch batch;
  for (const int64_t rows :
       {int64_t{1}, int64_t{2}, int64_t{2047}, int64_t{5000}, int64_t{1} << 22, int64_t{1} << 31}) {
    for (const int64_t count : {0, 1, 2, 100, 8192, 8193, 50000}) {
      std::vector<uint32_t> ids;
      for (int64_t i = 0; i < count; ++i) {
        // One hot row, and the first and the last.
        ids.push_back(static_cast<uint32_t>(
            random.pick({rows / 3, rows / 3, int64_t{0}, rows - 1, random.integer(0, rows - 1)})));
      }
      check_groups(batch, ids, rows);
    }
  }
}

TEST_CASE("SparseBatch: groups of all rows of a table, each named once") {
  SparseBatch batch;
  for (const int64_t rows : {1, 2, 1000, 20000}) {
    std::vector<uint32_t> ids;
    for (int64_t i = 0; i < rows; ++i) ids.push_back(static_cast<uint32_t>(rows - 1 - i));
    check_groups(batch, ids, rows);
  }
}

TEST_CASE("SparseBatch: groups of ids that share a digit of the sort, or all of them") {
  RandomData random(912);
  SparseBatch batch;
  for (const uint32_t step : {0U, 1U, 1U << 11, 1U << 22}) {
    for (const uint32_t first : {0U, 77U, 5U << 11, 3U << 22}) {
      std::vector<uint32_t> ids;
      for (int64_t i = 0; i < 1000; ++i) ids.push_back(first + static_cast<uint32_t>(random.integer(0, 5)) * step);
      check_groups(batch, ids, int64_t{1} << 31);
    }
  }
}

TEST_CASE("SparseBatch: parts have all entries, each in order, and no row in two parts but where threads may race") {
  RandomData random(912);
  SparseBatch batch;
  for (const int64_t rows : {int64_t{1}, int64_t{50}, int64_t{5000}, int64_t{1} << 31}) {
    for (const int64_t count : {0, 1, 255, 8193, 50000}) {
      CAPTURE(rows);
      CAPTURE(count);
      std::vector<uint32_t> ids;
      for (int64_t i = 0; i < count; ++i) {
        ids.push_back(
            static_cast<uint32_t>(random.pick({rows / 3, int64_t{0}, rows - 1, random.integer(0, rows - 1)})));
      }
      for (const Duplicates duplicates : {Duplicates::kSequential, Duplicates::kHogwild}) {
        for (const int threads : {1, 2, 3}) {
          CAPTURE(threads);
          fill_one_sample(batch, ids);
          Team::run(threads, [&](Team& team) { batch.part(team, duplicates); });
          const EntryParts& parts = batch.input().parts;
          std::vector<int> seen(ids.size());
          std::map<uint32_t, int64_t> owners;
          bool fits = parts.starts[0] == 0 && parts.starts[parts.count] == count;
          for (int64_t part = 0; part < parts.count; ++part) {
            for (int64_t place = parts.starts[part]; place < parts.starts[part + 1]; ++place) {
              const auto entry = static_cast<size_t>(parts.entry(place));
              ++seen[entry];
              fits &= parts.rows[place] == ids[entry];
              fits &= place == parts.starts[part] || parts.entry(place - 1) < parts.entry(place);
              fits &= parts.hogwild || owners.try_emplace(ids[entry], part).first->second == part;
            }
          }
          CHECK(fits);
          CHECK(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }));
          CHECK_FALSE((parts.hogwild && (threads == 1 || duplicates == Duplicates::kSequential)));
          if (count == 50000 && threads > 1) CHECK((rows == 1 || parts.count > 1));
        }
      }
    }
  }
}

TEST_CASE("SparseBatch: refuses more entries than 32 bits can number") {
  SparseBatch batch;
  CHECK(error_of([&] { batch.reserve(1, int64_t{1} << 32); }) ==
        "OUT_OF_MEMORY: a batch of 4294967296 entries is too large; at most 4294967295 have numbers of 32 bits");
}
