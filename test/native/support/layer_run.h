// Runs one layer forward and backward outside of a plan, in the layout that it wants, under the rules of
// layers/layer.h: memory starts as NaN and is guarded, gradients must be completed exactly once (those of frozen
// parameters never), weights turn to NaN as soon as their gradient is complete, as an update behind it would change
// them, and lanes beyond the batch hold inputs of no meaning but a zero gradient.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layers/layer.h"
#include "support/random_data.h"

namespace gradloom::test {

// Where the sink lets a layer put a gradient.
enum class GradientPlace { kScratchOfLayer, kBufferOfSink };

// Sparse samples, and the memory that SparseRows only points to.
struct Entries {
  std::vector<int64_t> offsets;
  std::vector<uint32_t> indices;
  std::vector<float> values = {};  // empty: all 1

  SparseRows view() const;
  Entries sample(int64_t n) const;
};

struct LayerCase {
  int64_t batch;
  std::vector<float> x;                        // [batch, input_shape]
  std::vector<float> dy;                       // [batch, output_shape]
  std::vector<std::vector<float>> parameters;  // as the layer keeps them
  Phase phase = Phase::kTraining;
  uint64_t seed = 0;
  uint64_t step = 0;
  bool from_end = false;
  int threads = 1;        // that it is planned for
  int fewer_threads = 0;  // that there are; 0: as many
  GradientPlace place = GradientPlace::kScratchOfLayer;
  bool input_gradient = true;
  Layout offered = Layout::kRows;  // by the layer before
  Shape image = {};                // whose blocks vectors in lanes are; [features] when it is empty
  // Where the layer takes the maxima of windows itself: y and dy are theirs, of shape [batch, P, Q, filters].
  std::optional<Window2d> pooling = std::nullopt;
  // The inputs after x of a layer that merges several.
  std::vector<std::vector<float>> others = {};
  // In place of x for a layer that reads ids or sparse samples.
  Entries entries = {};
  // Floats between the vectors of y and dy, for a layer that takes a gap.
  int64_t y_gap = 0;
  // In which the layer is given x.
  int64_t x_stretches = 1;
};

struct LayerResult {
  std::vector<float> y;
  std::vector<float> dx;  // empty without an input gradient, and for ids and sparse samples
  std::vector<std::vector<float>> other_gradients = {};
  std::vector<std::vector<float>> gradients;  // of a statistic its new value; 0 for rows that have none
  std::string broken_rules;                   // "" when all were kept
};

// When predicting only `y` is computed.
LayerResult run_layer(const Layer& layer, const LayerCase& given);

// Samples for a layer that reads ids or sparse rows: some empty, with repeated rows, the first and the last among them.
Entries random_entries(const Layer& layer, int64_t batch, RandomData& random);

// Inputs, output gradients and parameters of small integers or of standard normal values.
LayerCase integer_case(const Layer& layer, int64_t batch, RandomData& random);
LayerCase normal_case(const Layer& layer, int64_t batch, RandomData& random);

}  // namespace gradloom::test
