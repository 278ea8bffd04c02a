// The loops by which the limits of a machine are measured: of arithmetic, of roots and divisions, and of memory for
// rows that lie anywhere. Nothing but what kernels are made of, at the instruction set that they are dispatched to.
#pragma once

#include <cstdint>

namespace gradloom {

// Chains of x = x factor + addend in registers, enough of them to hide that each takes some cycles, `rounds` steps
// long. They begin at numbers whose sum is 0. Returns the sum of their last ones.
float multiply_add_chains(int64_t rounds, float factor, float addend);
// Floating-point operations of that, two a multiply-add.
int64_t multiply_add_flops(int64_t rounds);

// Chains of x = dividend / sqrt(x), which begin at 1, `rounds` steps long: roots and divisions have a unit of their
// own. Returns the sum of their last ones.
float root_division_chains(int64_t rounds, float dividend);
// Square roots and divisions of that.
int64_t roots_and_divisions(int64_t rounds);

// Rows of whole cache lines in a table, those at `places`, in this order; prefetched as kernels do it.
struct PlacedRows {
  int64_t lines;  // of a row
  const uint32_t* places;
  int64_t count;
  bool from_memory;  // not from caches (common/prefetch.h)
};
// Of all floats of these rows, in some order.
float sum_placed_rows(const float* table, const PlacedRows& rows);
// Each of these rows times `factor`, as often as it is named.
void scale_placed_rows(float* table, const PlacedRows& rows, float factor);

}  // namespace gradloom
