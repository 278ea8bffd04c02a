// Word vectors by negative sampling: a hidden vector, the mean of some rows of the input table (one word for skip-gram,
// the words around for CBOW, a word and its pieces for fastText), against one row of the output table that was seen
// with it and K that were drawn. A step is exact: all gradients are those at the weights before it, the gradients of a
// row are summed in order of position, and each row that was named is updated once. Bits do not depend on threads.
//   B: pairs of a batch   K: negatives   D: units
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "datasets/sparse_batch.h"
#include "kernels/embedding/embedding.h"
#include "optimizers/optimizer.h"
#include "training/threads/thread_search.h"

namespace gradloom {

struct NegativeSamplingShape {
  int64_t input_rows;
  int64_t output_rows;
  int64_t units;      // D
  int64_t negatives;  // K
};

// A table, what the optimizer keeps of it, and one batch of names of its rows. Rows come from far and one by one, so
// each begins at a cache line and has its states behind it.
class TrainedTable {
 public:
  // Throws INVALID_OPTION for an optimizer that cannot leave rows alone.
  TrainedTable(int64_t rows, int64_t units, const Optimizer& optimizer);

  int64_t stride() const { return stride_; }
  float* row(int64_t row) { return memory_.data() + row * stride_; }
  int64_t bytes() const { return memory_.bytes(); }
  // Weights alone, [rows, D].
  int64_t weight_count() const { return rows_ * units_; }
  void copy_weights(float* to) const;
  void set_weights(const float* from);
  SparseBatch& batch() { return batch_; }
  // Updates the rows that the batch names, the gradient of entry e being factors[e] gradients[from[e], D]. Returns
  // whether the new weights are finite.
  bool update(Team& team, const Optimizer& optimizer, const EntryTerms& terms, const float* gradients, uint64_t step);

 private:
  int64_t rows_;
  int64_t units_;
  int64_t stride_;
  std::vector<int64_t> states_;  // floats from the beginning of a row
  AlignedBuffer memory_;
  SparseBatch batch_;
  AlignedBuffer scratch_;
};

class NegativeSampling {
 public:
  // Input vectors start uniform in [-1/2, 1/2) / D, output vectors at 0, as in word2vec.
  NegativeSampling(const NegativeSamplingShape& shape, std::unique_ptr<const Optimizer> optimizer, uint64_t seed);

  const NegativeSamplingShape& shape() const { return shape_; }
  uint64_t steps() const { return steps_; }
  TrainedTable& input() { return input_; }    // [input_rows, D]
  TrainedTable& output() { return output_; }  // [output_rows, D]

  // The next batch, filled by the caller: bags of rows of the input table, without values or with factors of the rows
  // in place of a mean; and 1 + K rows of the output table a pair, which are written to `targets`.
  SparseBatch& bags() { return input_.batch(); }
  uint32_t* targets(int64_t pairs);

  // One step on `pairs` pairs; all rows are within their tables. Returns the loss, summed over pairs. Throws
  // NOT_FINITE.
  double step(Team& team, int64_t pairs);

 private:
  NegativeSamplingShape shape_;
  std::unique_ptr<const Optimizer> optimizer_;
  TrainedTable input_;
  TrainedTable output_;
  AlignedBuffer hidden_;
  AlignedBuffer gradients_;
  AlignedBuffer factors_;
  std::vector<double> losses_;
  uint64_t steps_ = 0;
  ThreadSearch thread_search_;
};

}  // namespace gradloom
