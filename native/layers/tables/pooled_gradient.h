// The gradient of a table whose rows, times values, are summed. Of a table of one float a row it takes no sort
// and no groups: the terms of all entries are dealt out to ranges of rows, in order of position, and summed there by
// row. So each row gets the sum that it has by groups.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/embedding/unsorted_segment_sum.h"
#include "layers/tables/table_gradient.h"

namespace gradloom {

// So many entries a job, and rows completed at once, and not many more: their weights and what is kept of them stay in
// L1.
constexpr int64_t kEntriesOfJob = 2048;
constexpr int64_t kSummedChunk = 512;
constexpr int64_t kSummedRoom = 2 * kSummedChunk;

inline int64_t table_rows(const ParameterSpec& table) { return table.shape.size() / table.row_width; }

inline bool sums_unsorted(const ParameterSpec& table) {
  return table.row_width == 1 && unsorted_sum_pays(table_rows(table));
}

// Floats of one thread, whatever the table: gradients, weights of bfloat16, rows, and slots.
constexpr int64_t kSummedScratch = 3 * kSummedRoom + kMostSlots;

// The terms of all entries, by part. Returns the ends of the parts.
inline const uint32_t* partition_entries(const BackwardArguments& args, RadixDigit part) {
  const SparseRows& bags = args.sparse->rows;
  const EntryRoom& room = args.sparse->room;
  const Tiling blocks = cut(bags.count, entry_blocks(args.pass.team.size(), bags.entries()));
  const auto counts = [&](int64_t block) { return room.counts + block * part.size(); };
  args.pass.team.for_each(blocks.count, [&](int64_t block, int) {
    const int64_t first = bags.offsets[blocks.first(block)];
    const int64_t end = bags.offsets[blocks.first(block) + blocks.size(block)];
    count_parts(part, bags.indices + first, end - first, counts(block));
  });
  places_of_counts(part, blocks.count, room.counts);
  args.pass.team.for_each(blocks.count, [&](int64_t block, int) {
    partition_terms(part, bags, args.dy, {blocks.first(block), blocks.size(block)}, counts(block), room.entries);
  });
  return counts(blocks.count - 1);
}

inline void complete_unsorted_sums(const BackwardArguments& args, const TableGradient& table) {
  const RadixDigit part = part_of_rows(table_rows(table.spec));
  RowTerm* terms = args.sparse->room.entries;
  const uint32_t* ends = partition_entries(args, part);
  const auto end_of = [&](int64_t p) { return p < 0 ? int64_t{0} : int64_t{ends[p]}; };
  // The first part that begins at a place from `at` on.
  const auto part_from = [&](int64_t at) {
    return at == 0 ? 0 : std::lower_bound(ends, ends + part.size(), at) - ends + 1;
  };
  const Tiling jobs = cut(args.sparse->rows.entries(), ceil_divide(args.sparse->rows.entries(), kEntriesOfJob));
  const auto slots_of_thread = [&](int64_t thread) { return table.scratch + thread * kSummedScratch; };
  // One job is done by the first thread.
  args.pass.team.for_each(jobs.count == 1 ? 1 : args.pass.team.size(),
                          [&](int64_t thread, int) { std::fill_n(slots_of_thread(thread), slots_of(part), kNoSum); });
  args.pass.team.for_each(jobs.count, [&](int64_t job, int thread) {
    float* slots = slots_of_thread(thread);
    float* gradients = slots + kMostSlots;
    float* weights = gradients + kSummedRoom;
    auto* rows = reinterpret_cast<uint32_t*>(weights + kSummedRoom);
    const int64_t first = part_from(jobs.first(job));
    const int64_t end = std::min<int64_t>(part.size(), part_from(jobs.first(job) + jobs.size(job)));
    int64_t count = 0;
    const auto complete = [&] {
      args.gradients.complete_rows(table.parameter, {0, count, rows, 1, gradients, -1, weights});
      count = 0;
    };
    for (int64_t p = first; p < end; ++p) {
      RowTerm* of_part = terms + end_of(p - 1);
      const int64_t left = sum_terms(part, of_part, end_of(p) - end_of(p - 1), slots);
      for (int64_t at = 0; at < left; at += kSummedChunk) {
        const int64_t chunk = std::min(kSummedChunk, left - at);
        count += take_sums(part, of_part + at, chunk, slots, rows + count, gradients + count);
        if (count >= kSummedChunk) complete();
      }
    }
    if (count > 0) complete();
  });
}

// Floats of scratch that complete_pooled_gradient needs.
inline int64_t pooled_gradient_scratch(const ParameterSpec& table, int threads) {
  const int64_t summed = table.row_width == 1 ? checked_multiply(kSummedScratch, threads) : 0;
  return std::max(table_gradient_scratch(table, threads), summed);
}

// The gradient of a table whose rows, times the values of the entries, are summed: by entries as they stand, unless
// there are groups or parts of them.
inline void complete_pooled_gradient(const BackwardArguments& args, const TableGradient& table) {
  const SparseInput& entries = *args.sparse;
  if (sums_unsorted(table.spec) && table.padding < 0 && entries.groups.rows == nullptr &&
      entries.parts.starts == nullptr) {
    return complete_unsorted_sums(args, table);
  }
  complete_table_gradient(args, table, PooledTerms{{entries.samples, entries.rows.values}, args.dy, table.width()});
}

}  // namespace gradloom
