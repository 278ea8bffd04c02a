// The gradient of a table of which a batch names some rows: for each of these, in ascending order, the sum over the
// entries that name it, in order of position. Jobs are cut by the entries, whatever their rows are. Or, where it is
// asked for (Duplicates), the gradient of each entry.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"
#include "kernels/embedding/embedding.h"
#include "kernels/tiling.h"
#include "layers/layer.h"

namespace gradloom {

// Gradients of some rows, as many as fit L1, are completed at once; a wide row alone.
constexpr int64_t kTableChunk = 4096;

inline int64_t chunk_floats(int64_t width) { return std::max(kTableChunk, width); }

// Floats of scratch that complete_table_gradient needs: gradients, and weights of bfloat16 as floats.
inline int64_t table_gradient_scratch(const ParameterSpec& table, int threads) {
  return checked_multiply(chunk_floats(table.row_width) * (table.element == ElementType::kBfloat16 ? 2 : 1), threads);
}

// Samples cut into jobs by their entries in the mean.
inline Tiling tile_bags(const SparseRows& bags, int64_t width) {
  const int64_t entries = ceil_divide(bags.entries(), std::max<int64_t>(1, bags.count));
  return tile_rows(bags.count, std::max<int64_t>(1, entries) * width);
}

// Adds the gradients of the values of the entries of all samples, if anybody needs them, for sums of rows times values.
inline void complete_value_gradients(const BackwardArguments& args, const TableView& table) {
  float* gradients = args.sparse->value_gradients;
  if (gradients == nullptr) return;
  const SparseRows& bags = args.sparse->rows;
  const Tiling tiles = tile_bags(bags, table.width);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_value_gradients(bags, table, args.dy, {tiles.first(tile), tiles.size(tile)}, gradients);
  });
}

// Rows of the places [begin, end).
struct RowStretch {
  const uint32_t* rows;
  int64_t begin;
  int64_t end;
  int64_t known;  // rows from the end on are those of stretches to come
  int hogwild_thread = -1;
};

struct TableGradient {
  int parameter;
  const ParameterSpec& spec;
  int64_t padding = -1;  // this row has no gradient
  float* scratch;        // of table_gradient_scratch

  int64_t width() const { return spec.row_width; }
};

// Calls make(first, count, gradients) for stretches of the places [first, end), whose rows are `rows`, and completes
// what it writes, [count, width]. Places of the padding are left out.
template <class Make>
void complete_rows(const BackwardArguments& args, const TableGradient& table, const RowStretch& stretch, float* scratch,
                   Make&& make) {
  const auto [rows, begin, end, known, hogwild_thread] = stretch;
  const int64_t chunk = std::max<int64_t>(1, kTableChunk / table.width());
  float* weights = table.spec.element == ElementType::kBfloat16 ? scratch + chunk_floats(table.width()) : nullptr;
  int64_t first = begin;
  while (first < end) {
    if (rows[first] == table.padding) {
      ++first;
      continue;
    }
    int64_t count = std::min(chunk, end - first);
    if (table.padding >= 0) {
      count = std::find(rows + first, rows + first + count, static_cast<uint32_t>(table.padding)) - (rows + first);
    }
    float* gradient = args.gradients.row_target(table.parameter, first, scratch);
    make(first, count, gradient);
    args.gradients.complete_rows(table.parameter, {first, count, rows + first, table.width(), gradient, hogwild_thread,
                                                   weights, known - first - count});
    first += count;
  }
}

// The gradients of the rows that a batch names, as terms.sum(GroupRange, gradients) or, where each entry makes an
// update of its own, terms.of_entries(EntryRange, gradients) write them.
template <class Terms>
void complete_table_gradient(const BackwardArguments& args, const TableGradient& table, const Terms& terms) {
  const auto scratch_of = [&](int thread) { return table.scratch + table_gradient_scratch(table.spec, thread); };
  const EntryParts& parts = args.sparse->parts;
  if (parts.starts != nullptr) {
    args.pass.team.for_each(parts.count, [&](int64_t part, int thread) {
      const RowStretch stretch{parts.rows, parts.starts[part], parts.starts[part + 1], parts.starts[parts.count],
                               parts.hogwild ? thread : -1};
      complete_rows(args, table, stretch, scratch_of(thread), [&](int64_t first, int64_t count, float* gradients) {
        terms.of_entries(EntryRange{parts, first, count}, gradients);
      });
    });
    return;
  }
  const RowGroups& groups = args.sparse->groups;
  args.gradients.begin_rows(table.parameter, groups.count);
  // The group in which entry `at` of the sorted ones begins, or the next one.
  const auto group_from = [&](int64_t at) {
    return std::lower_bound(groups.starts, groups.starts + groups.count, at) - groups.starts;
  };
  const Tiling tiles = tile_rows(args.sparse->rows.entries(), table.width());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    const RowStretch stretch{groups.rows, group_from(tiles.first(tile)),
                             group_from(tiles.first(tile) + tiles.size(tile)), groups.count};
    complete_rows(args, table, stretch, scratch_of(thread), [&](int64_t first, int64_t count, float* gradients) {
      terms.sum(GroupRange{groups, first, count}, gradients);
    });
  });
}

// Of tables whose rows, times the values of the entries, are summed: dy, in rows of this shape, by EntryTerms.
struct PooledTerms {
  EntryTerms entries;
  const float* dy;
  RowShape shape;

  void sum(const GroupRange& range, float* gradients) const {
    sum_group_gradients(range, entries, dy, shape, gradients);
  }
  void of_entries(const EntryRange& range, float* gradients) const {
    entry_gradients(range, entries, dy, shape, gradients);
  }
};

}  // namespace gradloom
