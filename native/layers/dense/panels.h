// Dense in rows, with its weights in panels (layers/dense/dense.h): products by kernels/gemm/simd_gemm.h or BLAS.
//   panels_input_gradient.cc  the gradient of the input
//   panels_stretches.cc       the forward pass where sums are made in stretches of the inputs
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"
#include "kernels/choice.h"
#include "kernels/gemm/gemm.h"
#include "kernels/tiling.h"
#include "kernels/work_sizes.h"
#include "layers/dense/algorithm.h"

namespace gradloom {

constexpr int64_t kPanelWidth = 64;

// Of up to 64 columns; the last one holds what is left.
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

class DensePanels final : public DenseAlgorithm {
 public:
  // stretches: of the inputs, for each of which a sum is made.
  DensePanels(const DenseDefinition& dense, DenseKernel kernel, int64_t stretches)
      : DenseAlgorithm(dense), kernel_(kernel), stretches_(stretches) {}

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  InputStretches input_in(const float* x, int64_t batch, int64_t stretches) const {
    return {x, batch, cut_stretches(dense_.inputs, stretches_), stretches == 1};
  }
  int threads_to_cut_for(int threads) const;
  // Whether they are not in L2 when they are read again.
  bool weights_exceed_l2() const {
    constexpr int64_t kFloats = 128 * 1024;
    return dense_.weight_count() > kFloats;
  }

  ByteSpan weights_behind(const float* weight, int64_t panel, const EvenTiling& rows, int64_t piece) const;
  int64_t panel_floats(int64_t batch) const;
  void output_gradient(const BackwardArguments& args, float* panels) const;

  InputPieces gradient_rows(int64_t batch, int threads) const;
  int64_t transposed_stride(int64_t batch) const;
  int64_t transposed_floats(int64_t batch) const;
  int64_t gradient_floats(int64_t inputs) const;
  int64_t gradient_scratch(int64_t batch, int most_threads) const;
  void parameter_gradients(const BackwardArguments& args, const float* panels, float* scratch) const;

  // ---- panels_stretches.cc

  void forward_stretches(const ForwardArguments& args) const;

  // ---- panels_input_gradient.cc

  bool transposes_gradient(int64_t batch) const;
  int64_t transposed_weights() const;
  int64_t input_gradient_floats(int64_t batch, int threads) const;
  void input_gradient(const BackwardArguments& args, float* scratch) const;
  void input_gradient_by_weights(const BackwardArguments& args, float* scratch) const;
  void input_gradient_transposed(const BackwardArguments& args, float* scratch) const;

  DenseKernel kernel_;
  int64_t stretches_;
};

}  // namespace gradloom
