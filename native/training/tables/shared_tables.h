// Tables that several layers of a network read. The rows' gradients of each of these layers are kept until backward is
// through; then they are summed by row, in the order of the layers, and each touched row is updated once. Memory
// follows the entries of the largest batch, and stays.
#pragma once

#include <cstdint>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "training/run/learner.h"

namespace gradloom {

// What one layer gives for the rows of such a table in one batch; as in GradientSink.
class TableUse {
 public:
  TableUse(int layer, int64_t width) : layer_(layer), width_(width) {}

  int layer() const { return layer_; }
  void reserve(int64_t rows);
  void begin_rows(int64_t touched);
  float* row_target(int64_t first) { return values_.data() + first * width_; }
  void complete_rows(const RowGradients& gradients);

  // Its rows in ascending order, one after another, each with its gradient; kNoRow behind the last one.
  static constexpr uint32_t kNoRow = 0xFFFFFFFFU;  // ids are below 2^31
  void rewind() { place_ = -1, advance(); }
  uint32_t row() const { return place_ < touched_ ? rows_[static_cast<size_t>(place_)] : kNoRow; }
  const float* gradient() const { return values_.data() + place_ * width_; }
  void advance();

 private:
  int layer_;
  int64_t width_;
  int64_t touched_ = 0;
  int64_t place_ = 0;
  std::vector<uint32_t> rows_;  // kNoRow where the layer had nothing to say, as of padding
  AlignedBuffer values_;
};

class SharedTables {
 public:
  SharedTables(const Architecture& architecture, int threads);

  // Null for a parameter that is no such table, or is not trained.
  TableUse* use(int layer, int parameter);
  // Room for every batch of these samples.
  void reserve(const Architecture& architecture, const ArraySamples& samples, int64_t batch);
  // Behind backward: updates all of them. The last parameter with a gradient or weight that is not finite, or -1.
  int update(Team& team, Learner& learner);

 private:
  struct Table {
    int parameter;
    int64_t width;
    std::vector<TableUse> uses;
    AlignedBuffer sums;     // of each thread, a chunk of gradients
    AlignedBuffer weights;  // the same of weights of bfloat16
  };

  // The distinct rows, and the parts [starts[i], starts[i + 1]) whose sum is the gradient of row i.
  void merge(Table& table);
  GradientCheck update(Team& team, Learner& learner, Table& table);

  std::vector<Table> tables_;
  std::vector<uint32_t> rows_;
  std::vector<int64_t> starts_;
  std::vector<const float*> parts_;
};

}  // namespace gradloom
