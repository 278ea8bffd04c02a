// Counts of words near each other against a plain count, also when they do not fit memory.
#include "training/word_vectors/cooccurrence.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "common/error.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kGoOn{false};
using Counts = std::map<std::pair<uint32_t, uint32_t>, double>;

Counts count_plainly(const std::vector<int32_t>& tokens, const CooccurrenceOptions& options) {
  Counts counts;
  for (size_t at = 0; at < tokens.size(); ++at) {
    for (size_t d = 1; d <= static_cast<size_t>(options.window) && d <= at && tokens[at] >= 0; ++d) {
      if (tokens[at - d] < 0) break;
      const auto word = static_cast<uint32_t>(tokens[at]);
      const auto context = static_cast<uint32_t>(tokens[at - d]);
      const double count = options.by_distance ? 1.0 / static_cast<double>(d) : 1;
      counts[{word, context}] += count;
      if (options.symmetric) counts[{context, word}] += count;
    }
  }
  return counts;
}

}  // namespace

TEST_CASE("co-occurrences: counts are those of a plain count, in memory and over many temporary files") {
  RandomData random(1301);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 6000; ++i) tokens.push_back(static_cast<int32_t>(random.integer(-1, 200)));
  for (const bool by_distance : {true, false}) {
    for (const bool symmetric : {true, false}) {
      for (const int64_t memory : {int64_t{1}, int64_t{1} << 20}) {  // 768 cells at once, or all
        const CooccurrenceOptions options{201, 4, by_distance, symmetric, memory};
        const CooccurrenceCells cells = count_cooccurrences(tokens, options, kGoOn);
        const Counts expected = count_plainly(tokens, options);
        REQUIRE(cells.counts.size() == expected.size());
        size_t k = 0;
        bool same = true;
        for (const auto& [key, count] : expected) {
          same &= cells.words[k] == key.first && cells.contexts[k] == key.second;
          same &= std::abs(cells.counts[k] - count) <= 1e-6 * count;
          ++k;
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE("co-occurrences: texts without neighbours have none, and a token beyond the vocabulary is refused") {
  CHECK(count_cooccurrences({-1, 1, -1, 2}, {3, 5}, kGoOn).counts.empty());
  CHECK(count_cooccurrences({}, {3, 5}, kGoOn).counts.empty());
  CHECK_THROWS_AS(count_cooccurrences({1, 3}, {3, 5}, kGoOn), Error);
  const std::atomic<bool> stop{true};
  CHECK(count_cooccurrences({0, 1, 2}, {3, 5}, stop).counts.empty());
}
