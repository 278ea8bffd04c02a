// The two passes over keys of a least-significant-digit radix sort, over one block of them. A stable sort by row keeps
// the entries of a row in order of position, so that their gradients are summed in that order whatever the threads do.
#pragma once

#include <cstdint>

namespace gradloom {

struct RadixDigit {
  int shift;
  int bits;

  uint32_t size() const { return uint32_t{1} << bits; }
  uint32_t of(uint64_t key) const { return static_cast<uint32_t>(key >> shift) & (size() - 1); }
};

// counts[d] = keys in [0, count) whose digit is d.
void count_digits(RadixDigit digit, const uint64_t* keys, int64_t count, uint32_t* counts);

// Counts [blocks, digit.size()] of several blocks become the places where the keys of each block and digit begin.
// Behind a scatter those of the last block are the ends of the digits.
void places_of_counts(RadixDigit digit, int64_t blocks, uint32_t* counts);

// sorted[places[d]++] = key for the keys in order, d their digit.
void scatter_by_digit(RadixDigit digit, const uint64_t* keys, int64_t count, uint32_t* places, uint64_t* sorted);

// The same for all keys at once, from both ends: each waits for the store of the one before of its digit, as where one
// row is frequent, and so half as long. Tallies [2, digit.size()] become the first place of each digit and the place
// behind its last one, then keys go there.
void places_of_tallies(RadixDigit digit, uint32_t* tallies);
void scatter_from_ends(RadixDigit digit, const uint64_t* keys, int64_t count, uint32_t* places, uint64_t* sorted);

// The same for the keys row << 32 | place of rows, d a digit of the key.
void scatter_rows_from_ends(RadixDigit digit, const uint32_t* rows, int64_t count, uint32_t* places, uint64_t* sorted);

}  // namespace gradloom
