#include "kernels/embedding/unsorted_segment_sum.h"

#include <algorithm>
#include <array>
#include <bit>

// Loops of a few operations, whose speed would hang on where the linker puts them.
#define GRADLOOM_LINE_ALIGNED __attribute__((aligned(64)))

namespace gradloom {
namespace {

// Slots of a part, 16 KiB, leave room for the terms in an L1 of 32 KiB; tables of many rows take more of them rather
// than so many parts that each has its own line to be written.
constexpr int kSlotBits = 12;
constexpr int kMostPartBits = 10;

// Few rows come often, and are sorted in one pass.
constexpr int kBitsOfOneDigit = 11;

int bits_of(int64_t rows) { return std::bit_width(static_cast<uint64_t>(std::max<int64_t>(rows, 2) - 1)); }

uint32_t row_of(RowTerm term) { return static_cast<uint32_t>(term >> 32); }
float value_of(RowTerm term) { return std::bit_cast<float>(static_cast<uint32_t>(term)); }
RowTerm term_of(uint32_t row, float value) { return uint64_t{row} << 32 | std::bit_cast<uint32_t>(value); }

template <class Value>
void deal(RadixDigit part, const SparseRows& bags, Value value, const float* dy, const SampleRange& samples,
          uint32_t* __restrict places, RowTerm* __restrict terms) {
  for (int64_t n = samples.first; n < samples.first + samples.count; ++n) {
    for (int64_t e = bags.offsets[n]; e < bags.offsets[n + 1]; ++e) {
      const uint32_t row = bags.indices[e];
      // As a sum that begins with 0.
      terms[places[part.of(row)]++] = term_of(row, 0.0F + value(e) * dy[n]);
    }
  }
}

// Whether most terms are of the row of the term before, by the first of them: as where one row is in every sample.
bool has_runs(const RowTerm* terms, int64_t count) {
  constexpr int64_t kMany = 1024;
  constexpr int64_t kLooked = 64;
  if (count < kMany) return false;
  int64_t same = 0;
  for (int64_t i = 1; i <= kLooked; ++i) same += row_of(terms[i]) == row_of(terms[i - 1]);
  return same > kLooked * 3 / 4;
}

GRADLOOM_LINE_ALIGNED void sum_each(RadixDigit part, const RowTerm* terms, int64_t count, float* __restrict slots) {
  const int64_t mask = slots_of(part) - 1;
  for (int64_t i = 0; i < count; ++i) slots[row_of(terms[i]) & mask] += value_of(terms[i]);
}

// A run is added up in a register, since each sum in memory waits for the store of the one before, and leaves one term.
GRADLOOM_LINE_ALIGNED int64_t sum_runs(RadixDigit part, RowTerm* __restrict terms, int64_t count,
                                       float* __restrict slots) {
  const int64_t mask = slots_of(part) - 1;
  int64_t kept = 0;
  for (int64_t i = 0; i < count;) {
    const RowTerm term = terms[i];
    float& slot = slots[row_of(term) & mask];
    float sum = slot + value_of(term);
    for (++i; i < count && row_of(terms[i]) == row_of(term); ++i) sum += value_of(terms[i]);
    slot = sum;
    terms[kept++] = term;
  }
  return kept;
}

}  // namespace

bool unsorted_sum_pays(int64_t rows) {
  const int bits = bits_of(rows);
  return bits > kBitsOfOneDigit && bits <= kMostPartBits + kMostSlotBits;
}

RadixDigit part_of_rows(int64_t rows) {
  const int bits = bits_of(rows);
  const int part = std::clamp(bits - kSlotBits, 0, kMostPartBits);
  return {.shift = bits - part, .bits = part};
}

// Two tallies by turns, since a count waits for the one before of the same part.
GRADLOOM_LINE_ALIGNED void count_parts(RadixDigit part, const uint32_t* __restrict rows, int64_t count,
                                       uint32_t* __restrict counts) {
  std::array<uint32_t, size_t{1} << kMostPartBits> odd;
  std::fill_n(counts, part.size(), 0U);
  std::fill_n(odd.begin(), part.size(), 0U);
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    ++counts[part.of(rows[i])];
    ++odd[part.of(rows[i + 1])];
  }
  if (i < count) ++counts[part.of(rows[i])];
  for (uint32_t p = 0; p < part.size(); ++p) counts[p] += odd[p];
}

GRADLOOM_LINE_ALIGNED void partition_terms(RadixDigit part, const SparseRows& bags, const float* dy,
                                           const SampleRange& samples, uint32_t* places, RowTerm* terms) {
  if (bags.values == nullptr) {
    deal(
        part, bags, [](int64_t) { return 1.0F; }, dy, samples, places, terms);
  } else {
    deal(
        part, bags, [&](int64_t e) { return bags.values[e]; }, dy, samples, places, terms);
  }
}

int64_t sum_terms(RadixDigit part, RowTerm* terms, int64_t count, float* slots) {
  if (has_runs(terms, count)) return sum_runs(part, terms, count, slots);
  sum_each(part, terms, count, slots);
  return count;
}

// Without a branch: what is written of a row that came before is written over.
GRADLOOM_LINE_ALIGNED int64_t take_sums(RadixDigit part, const RowTerm* terms, int64_t count, float* __restrict slots,
                                        uint32_t* __restrict rows, float* __restrict sums) {
  const int64_t mask = slots_of(part) - 1;
  int64_t taken = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t row = row_of(terms[i]);
    float& slot = slots[row & mask];
    const float sum = slot;
    slot = kNoSum;
    rows[taken] = row;
    sums[taken] = sum;
    taken += std::bit_cast<uint32_t>(sum) != std::bit_cast<uint32_t>(kNoSum);
  }
  return taken;
}

}  // namespace gradloom
