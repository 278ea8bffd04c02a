// A network compiled for one batch size: the order of operations and one workspace with every activation, gradient and
// scratch buffer in its place. Running a plan allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "layers/layer.h"
#include "training/network.h"

namespace gradloom {

enum class InputGradient { kNone, kKept };

struct PlanOptions {
  int64_t batch;
  Phase phase;
  int threads;  // resolved: what the team will have
  InputGradient input_gradient = InputGradient::kNone;
};

// What a random layer draws from.
struct RandomState {
  uint64_t seed;
  uint64_t step;
};

class Plan {
 public:
  Plan(std::shared_ptr<const Architecture> architecture, const PlanOptions& options);

  int64_t batch() const { return options_.batch; }
  int threads() const { return options_.threads; }
  const Architecture& architecture() const { return *architecture_; }

  float* input() { return at(activations_.front()); }
  const float* output() const { return at(activations_.back()); }
  // The gradient of the output: the loss writes it before backward.
  float* output_gradient() { return at(gradients_.back()); }
  const float* input_gradient() const { return at(gradients_.front()); }

  void forward(Team& team, const float* weights, const RandomState& random);
  // From the last layer to the first; `sinks` has one entry a layer.
  void backward(Team& team, const float* weights, const RandomState& random,
                const std::vector<std::unique_ptr<GradientSink>>& sinks);

  // Runs forward again and returns the first layer whose output is not finite; kInput when the input already is not.
  int find_non_finite(Team& team, const float* weights, const RandomState& random);
  static constexpr int kInput = -1;
  static constexpr int kNowhere = -2;

  // For model.plan().
  struct Row {
    const char* kernel;
    Layout layout;
    int64_t activation;  // floats
    int64_t saved;
    int64_t scratch;
  };
  Row describe(int layer) const;
  int64_t workspace_floats() const { return workspace_.size(); }
  int64_t unshared_floats() const { return unshared_size_; }

 private:
  // One operation: a layer, or the conversion of an activation from one layout to another between two layers.
  struct Node {
    const Layer* layer;  // null for a conversion
    int index;           // of the layer
    Shape input_shape;
    Shape output_shape;
    Layout from;
    Layout to;  // the same as `from` for a layer
    LayerNeeds needs;
    int64_t saved = kAbsent;
    int64_t forward_scratch = kAbsent;
    int64_t backward_scratch = kAbsent;
  };
  static constexpr int64_t kAbsent = -1;

  float* at(int64_t offset) { return offset == kAbsent ? nullptr : workspace_.data() + offset; }
  const float* at(int64_t offset) const { return offset == kAbsent ? nullptr : workspace_.data() + offset; }
  void choose_layouts();
  void add_conversion(const Shape& shape, Layout from, Layout to);
  void lay_out();
  void forward_node(size_t node, const Pass& pass, const float* weights);
  std::span<const float* const> parameters_of(int layer, const float* weights);

  std::shared_ptr<const Architecture> architecture_;
  PlanOptions options_;
  std::vector<Node> nodes_;
  std::vector<int64_t> activations_;  // offsets: the input, then every node's output
  std::vector<int64_t> gradients_;    // of the same; kAbsent where no gradient is needed
  std::vector<const float*> parameters_;
  AlignedBuffer workspace_;
  int64_t unshared_size_ = 0;
};

}  // namespace gradloom
