// How often words stand near each other: X[i, j] = the sum over all places where context j stands up to `window` words
// before word i in the same text, of 1 / distance or of 1; symmetric counts add X[j, i] as well (GloVe's counts).
//
// Cells are gathered in a hash table of bounded size. When it is full, they are sorted and written to a temporary file;
// in the end these runs are merged, cell by cell in the order of runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace gradloom {

struct CooccurrenceOptions {
  int64_t vocabulary;
  int64_t window;
  bool by_distance = true;  // 1 / distance
  bool symmetric = true;
  int64_t memory = int64_t{1} << 30;  // bytes of the hash table
};

// Ascending by word, then context.
struct CooccurrenceCells {
  std::vector<uint32_t> words, contexts;
  std::vector<float> counts;
};

// Tokens are words, and -1 between two texts. Empty when `stop` is set. Throws OUT_OF_MEMORY, also when
// there is no room for temporary files.
CooccurrenceCells count_cooccurrences(const std::vector<int32_t>& tokens, const CooccurrenceOptions& options,
                                      const std::atomic<bool>& stop);

}  // namespace gradloom
