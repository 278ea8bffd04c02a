// Rows of a table: looked up, pooled into bags, and the gradients of those that a batch names. Letters as in
// kernels/embedding/sparse_rows.h.
#pragma once

#include <cstdint>

#include "kernels/embedding/sparse_rows.h"
#include "kernels/embedding/table_elements.h"

namespace gradloom {

// Rows of `width` elements, `stride` from one to the next.
struct RowShape {
  int64_t width;
  int64_t stride;

  RowShape(int64_t width) : RowShape(width, width) {}  // NOLINT: a width alone, as kernels take one
  RowShape(int64_t width, int64_t stride) : width(width), stride(stride) {}
};

// y[e, D] = table[indices[e], D] for e in [0, count), y in rows of this shape. Rows of as many `coming` indices behind
// them are the next ones.
void gather_rows(TableElements table, const RowShape& rows, const uint32_t* indices, int64_t count, float* y,
                 int64_t coming = 0);

enum class Pooling { kSum, kMean, kMax };

struct BagRule {
  Pooling pooling;
  int64_t padding = -1;  // entries of this row are left out; -1: none
};

// For the samples n in [first, first + count), over the entries e of n that are no padding:
//   kSum   y[n, D] = sum of values[e] table[indices[e], D], in order
//   kMean  the same, divided by the number of these entries
//   kMax   y[n, d] = max of table[indices[e], d], and winners[n, d] = e, the first of equal ones; -1 without entries
// A sample without entries gets zeros. kMax heeds no values; winners may be null, and is not used by the others.
void pool_rows(const BagRule& rule, const SparseRows& bags, TableElements table, const RowShape& rows, int64_t first,
               int64_t count, float* y, int32_t* winners);

// The number of a sample's entries that are no padding.
int64_t count_entries(const SparseRows& bags, int64_t sample, int64_t padding);

// The groups [first, first + count), of whose entries e the gradient is made.
struct GroupRange {
  const RowGroups& groups;
  int64_t first;
  int64_t count;
};

// gradients[g, D] = sum over the entries e of group first + g, in order, of factors[e] dy[from[e], D], dy in rows of
// this shape. Factors null stands for 1, and `from` null for e itself.
struct EntryTerms {
  const uint32_t* from;
  const float* factors;
};
void sum_group_gradients(const GroupRange& range, const EntryTerms& terms, const float* dy, const RowShape& rows,
                         float* gradients);

// The places [first, first + count) of entries in parts.
struct EntryRange {
  const EntryParts& parts;
  int64_t first;
  int64_t count;
};

// gradients[k, D] = factors[e] dy[from[e], D], e the entry at place first + k.
void entry_gradients(const EntryRange& range, const EntryTerms& terms, const float* dy, const RowShape& rows,
                     float* gradients);

struct SampleRange {
  int64_t first;
  int64_t count;
};
// gradients[e] += dy[n, D] . table[indices[e], D] for the entries e, unless they are padding, of these samples n: what
// sums of values[e] table[indices[e]] owe to the values.
struct TableView {
  TableElements values;  // [R, D]
  int64_t width;         // D
  int64_t padding = -1;
};
void add_value_gradients(const SparseRows& bags, const TableView& table, const float* dy, const SampleRange& samples,
                         float* gradients);

// gradients[g, d] = sum over the entries, in order, of dy[from[e], d] where winners[from[e], d] is e.
void sum_winner_gradients(const GroupRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                          int64_t width, float* gradients);

// gradients[k, d] = dy[from[e], d] where winners[from[e], d] is e, the entry at place first + k, else 0.
void entry_winner_gradients(const EntryRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                            int64_t width, float* gradients);

}  // namespace gradloom
