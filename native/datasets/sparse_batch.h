// The sparse samples of one batch, gathered from a set, and their entries grouped by the row that they name. Its memory
// grows to the largest batch and stays: a step allocates nothing once there is room.
#pragma once

#include <cstdint>
#include <vector>

#include "common/parallel.h"
#include "kernels/embedding/radix_sort.h"
#include "kernels/embedding/sparse_rows.h"

namespace gradloom {

class SparseBatch {
 public:
  // Makes room for batches of `samples` samples with `entries` entries in all. Throws OUT_OF_MEMORY.
  void reserve(int64_t samples, int64_t entries);

  // For whoever fills it: [samples + 1] offsets first; then, with room for offsets[samples] entries, the others.
  int64_t* offsets() { return offsets_.data(); }
  uint32_t* indices() { return indices_.data(); }
  uint32_t* samples() { return samples_.data(); }
  float* values() { return values_.data(); }
  void filled(int64_t samples, bool with_values);
  // The same for entries that lie at `indices` and `values` (null: all 1), here or elsewhere, and stay there. `group`
  // and `part` make the sample of each.
  void lent(int64_t samples, const uint32_t* indices, const float* values);

  // Has layers add the gradient of each value from now on; zeros at first.
  void keep_value_gradients();
  const float* value_gradients() const { return input_.value_gradients; }

  // Sorts the entries by row, unless they are; all are below `rows`.
  void group(Team& team, int64_t rows);

  // In place of groups, parts for updates by each entry: of rows that no other part has (kSequential), or as the
  // entries stand (kHogwild, and all of them where the team is one thread).
  void part(Team& team, Duplicates duplicates);

  bool finite() const;

  // Groups or parts are there after `group` or `part`, until it is filled again.
  const SparseInput& input() const { return input_; }

 private:
  void number_samples(Team& team);
  template <class By>
  void make_keys(Team& team, RadixDigit digit, By by);
  void sort(Team& team, int64_t rows);
  bool group_one_row();
  void group_by_counts(int64_t rows);
  void sort_at_once(int passes, int width);
  template <int kPasses>
  void tally_rows(int width);
  void scatter(Team& team, RadixDigit digit);

  std::vector<int64_t> offsets_;
  std::vector<uint32_t> indices_;
  std::vector<uint32_t> samples_;
  std::vector<float> values_;
  std::vector<float> value_gradients_;
  std::vector<uint64_t> keys_;
  std::vector<uint64_t> other_keys_;
  std::vector<uint32_t> digits_;  // counts, then places, of each block
  std::vector<uint32_t> rows_;
  std::vector<int64_t> starts_;
  std::vector<int64_t> block_groups_;
  std::vector<int64_t> part_starts_;
  SparseInput input_;
};

}  // namespace gradloom
