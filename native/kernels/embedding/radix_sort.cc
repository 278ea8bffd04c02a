#include "kernels/embedding/radix_sort.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

template <class Key>
void scatter_all(RadixDigit digit, Key key_at, int64_t count, uint32_t* __restrict places,
                 uint64_t* __restrict sorted) {
  uint32_t* ends = places + digit.size();
  int64_t front = 0;
  for (int64_t back = count - 1; front < back; ++front, --back) {
    const uint64_t first = key_at(front);
    const uint64_t last = key_at(back);
    sorted[places[digit.of(first)]++] = first;
    sorted[--ends[digit.of(last)]] = last;
  }
  if (front < count - front) sorted[places[digit.of(key_at(front))]] = key_at(front);
}

}  // namespace

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

void places_of_tallies(RadixDigit digit, uint32_t* tallies) {
  uint32_t* other = tallies + digit.size();
  uint32_t place = 0;
  for (uint32_t d = 0; d < digit.size(); ++d) {
    const uint32_t end = place + tallies[d] + other[d];
    tallies[d] = std::exchange(place, end);
    other[d] = end;
  }
}

void scatter_from_ends(RadixDigit digit, const uint64_t* keys, int64_t count, uint32_t* places, uint64_t* sorted) {
  scatter_all(
      digit, [=](int64_t i) { return keys[i]; }, count, places, sorted);
}

void scatter_rows_from_ends(RadixDigit digit, const uint32_t* rows, int64_t count, uint32_t* places, uint64_t* sorted) {
  const auto key = [=](int64_t i) { return uint64_t{rows[i]} << 32 | static_cast<uint64_t>(i); };
  scatter_all(digit, key, count, places, sorted);
}

}  // namespace gradloom
