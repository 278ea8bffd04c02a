// Gradients of a table of one float a row, summed by row without a sort: a term an entry, dealt out to parts. A part is
// a range of rows so short that a sum of each stays in L1. Letters as in kernels/embedding/sparse_rows.h.
#pragma once

#include <cstdint>

#include "kernels/embedding/embedding.h"
#include "kernels/embedding/radix_sort.h"
#include "kernels/embedding/sparse_rows.h"

namespace gradloom {

// A row and, in the low half, the bits of its float.
using RowTerm = uint64_t;

// Whether that pays for tables of so many rows; others are sorted.
bool unsorted_sum_pays(int64_t rows);
// The digit of a row that is its part. Below it are places for `slots`.
RadixDigit part_of_rows(int64_t rows);
inline int64_t slots_of(RadixDigit part) { return int64_t{1} << part.shift; }
constexpr int kMostSlotBits = 14;
constexpr int64_t kMostSlots = int64_t{1} << kMostSlotBits;

// counts[p] = rows of part p.
void count_parts(RadixDigit part, const uint32_t* rows, int64_t count, uint32_t* counts);

// terms[places[p]++] = values[e] dy[n] for the entries e, of part p, of these samples n, in order. Values null: all 1.
void partition_terms(RadixDigit part, const SparseRows& bags, const float* dy, const SampleRange& samples,
                     uint32_t* places, RowTerm* terms);

// What a slot holds of no row: with it a sum begins, and no sum of terms is it.
constexpr float kNoSum = -0.0F;

// slots[r] += value for terms of one part, in order, r the place of their row in it. `slots`: [slots_of], kNoSum before
// the first of them. Returns how many terms are left, all rows among them: of some of one row side by side perhaps one.
int64_t sum_terms(RadixDigit part, RowTerm* terms, int64_t count, float* slots);

// Of these terms, summed before, the rows that have a sum, in the order in which they come first, and their sums.
// Their slots are kNoSum again. Returns how many; both have room for `count`.
int64_t take_sums(RadixDigit part, const RowTerm* terms, int64_t count, float* slots, uint32_t* rows, float* sums);

}  // namespace gradloom
