// How Dense keeps its weights: in panels of up to 64 units; the last one holds what is left.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"
#include "kernels/gemm.h"
#include "kernels/tiling.h"

namespace gradloom {

constexpr int64_t kPanelWidth = 64;

// Weights that are not in L2 when they are read again.
constexpr int64_t kFarWeights = 128 * 1024;

struct Panels {
  int64_t columns;

  int64_t count() const { return ceil_divide(columns, kPanelWidth); }
  int64_t first(int64_t panel) const { return panel * kPanelWidth; }
  int64_t width(int64_t panel) const { return std::min(kPanelWidth, columns - first(panel)); }
};

// That the rows of each panel are cut into so that every thread has two jobs. No sum of ours depends on it.
inline int64_t pieces(int threads, int64_t panels) { return threads == 1 ? 1 : ceil_divide(2 * threads, panels); }

// Stretches of the inputs of samples, whole or stretch by stretch (Layer::input_stretches).
struct InputStretches {
  const float* x;
  int64_t batch;
  Tiling features;
  bool whole;

  // From a feature on; the others of its stretch follow.
  const float* at(int64_t feature) const {
    const int64_t first = feature / features.step * features.step;
    return whole ? x + feature : x + first * batch + feature - first;
  }
  int64_t stride(int64_t feature) const { return whole ? features.extent : features.size(feature / features.step); }
};

// Inputs cut into nearly equal pieces, so many of each stretch.
struct InputPieces {
  Tiling stretches;
  int64_t each;

  int64_t count() const { return stretches.count * each; }
  int64_t first(int64_t piece) const { return stretches.first(piece / each) + within(piece).first(piece % each); }
  int64_t size(int64_t piece) const { return within(piece).size(piece % each); }
  int64_t largest() const { return ceil_divide(stretches.size(0), each); }

 private:
  EvenTiling within(int64_t piece) const { return {stretches.size(piece / each), each}; }
};

// Rows of a job of a product by panels that stay in the caches: many, since jobs cost time to begin, and since one that
// another thread takes draws memory from core to core; but several jobs a thread. `products`: panels, or panels of
// several sums. No sum of ours depends on it.
inline EvenTiling job_rows(const ProductShape& shape, int64_t products, int threads) {
  constexpr int64_t kSmallJobs = 8;
  constexpr int64_t kJobsAThread = 4;
  const int64_t most = tile_product_rows(shape.rows, shape.columns, shape.depth).count;
  const int64_t wanted = ceil_divide(kJobsAThread * threads, products);
  return {shape.rows, std::clamp(wanted, ceil_divide(most, kSmallJobs), most)};
}

}  // namespace gradloom
