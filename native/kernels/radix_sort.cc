#include "kernels/radix_sort.h"

#include <algorithm>
#include <utility>

namespace gradloom {

void count_digits(RadixDigit digit, const uint64_t* keys, int64_t count, uint32_t* counts) {
  std::fill_n(counts, digit.size(), 0U);
  for (int64_t i = 0; i < count; ++i) ++counts[digit.of(keys[i])];
}

void places_of_counts(RadixDigit digit, int64_t blocks, uint32_t* counts) {
  uint32_t place = 0;
  for (uint32_t d = 0; d < digit.size(); ++d) {
    for (int64_t block = 0; block < blocks; ++block) place += std::exchange(counts[block * digit.size() + d], place);
  }
}

void scatter_by_digit(RadixDigit digit, const uint64_t* keys, int64_t count, uint32_t* places, uint64_t* sorted) {
  for (int64_t i = 0; i < count; ++i) sorted[places[digit.of(keys[i])]++] = keys[i];
}

void scatter_rows_by_digit(RadixDigit digit, const uint32_t* rows, int64_t count, uint32_t* places, uint64_t* sorted) {
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t key = uint64_t{rows[i]} << 32 | static_cast<uint64_t>(i);
    sorted[places[digit.of(key)]++] = key;
  }
}

void count_rows(const uint32_t* rows, int64_t count, int64_t most, uint32_t* counts) {
  std::fill_n(counts, most, 0U);
  for (int64_t i = 0; i < count; ++i) ++counts[rows[i]];
}

void scatter_rows(const uint32_t* rows, int64_t first, int64_t count, uint32_t* places, uint64_t* sorted) {
  for (int64_t i = first; i < first + count; ++i) {
    sorted[places[rows[i]]++] = uint64_t{rows[i]} << 32 | static_cast<uint64_t>(i);
  }
}

}  // namespace gradloom
