// The gradient of a table of which a batch names some rows: for each of these, in ascending order, the sum over the
// entries that name it, in order of position. Jobs are cut by the entries, whatever their rows are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/embedding.h"
#include "kernels/tiling.h"
#include "layers/layer.h"

namespace gradloom {

// Gradients of some rows, as many as fit L1, are completed at once; a wide row alone.
constexpr int64_t kTableChunk = 4096;

// Floats of scratch that complete_table_gradient needs.
inline int64_t table_gradient_scratch(int64_t width, int threads) { return std::max(kTableChunk, width) * threads; }

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

struct TableGradient {
  int parameter;
  int64_t width;         // floats of a row
  int64_t padding = -1;  // this row has no gradient
  float* scratch;        // of table_gradient_scratch
};

// Calls sum(range, gradients) for some groups at a time: it writes the gradients of their rows, [range.count, width].
template <class Sum>
void complete_table_gradient(const BackwardArguments& args, const TableGradient& table, Sum&& sum) {
  const RowGroups& groups = args.sparse->groups;
  const int64_t entries = args.sparse->rows.entries();
  const int64_t chunk = std::max<int64_t>(1, kTableChunk / table.width);
  args.gradients.begin_rows(table.parameter, groups.count);
  // The group in which entry `at` of the sorted ones begins, or the next one.
  const auto group_from = [&](int64_t at) {
    return std::lower_bound(groups.starts, groups.starts + groups.count, at) - groups.starts;
  };
  const Tiling tiles = tile_rows(entries, table.width);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    float* scratch = table.scratch + thread * std::max(kTableChunk, table.width);
    const int64_t end = group_from(tiles.first(tile) + tiles.size(tile));
    int64_t group = group_from(tiles.first(tile));
    while (group < end) {
      if (groups.rows[group] == table.padding) {
        ++group;
        continue;
      }
      int64_t count = std::min(chunk, end - group);
      if (table.padding >= 0) {
        const uint32_t* rows = groups.rows + group;
        count = std::find(rows, rows + count, static_cast<uint32_t>(table.padding)) - rows;
      }
      float* gradient = args.gradients.row_target(table.parameter, group, scratch);
      sum(GroupRange{groups, group, count}, gradient);
      args.gradients.complete_rows(table.parameter, {group, count, groups.rows + group, table.width, gradient});
      group += count;
    }
  });
}

}  // namespace gradloom
