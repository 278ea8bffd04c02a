// A layer: its shapes, its parameters, and the code of one forward and one backward pass. It is immutable and holds no
// tensors; weights belong to the network, buffers to a plan, so one layer serves any number of plans and threads.
//
// Activations are rows of samples, channels last, [N, features] or [N, H, W, C], or images with the batch in the SIMD
// lanes (kernels/lanes.h). The plan asks each layer which of the two it wants and converts where neighbours differ.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/parallel.h"
#include "common/shape.h"
#include "common/spec.h"
#include "layers/initializer.h"

namespace gradloom {

enum class Phase {
  kTraining,
  kPredicting,
  // The same outputs as when predicting, and everything that backward needs: for gradients of predictions.
  kDifferentiating,
};

constexpr bool runs_backward(Phase phase) { return phase != Phase::kPredicting; }

enum class Layout {
  kRows,   // [N][H][W][C], or [N][features]
  kLanes,  // [ceil(N / 16)][C][H][W][16]; lanes beyond N carry a zero gradient
};

const char* layout_name(Layout layout);

// Floats of `batch` samples of this shape.
int64_t floats_of(const Shape& shape, Layout layout, int64_t batch);

struct ParameterSpec {
  std::string name;  // "weight", "bias"
  Shape shape;       // in files: [out, in] for dense, [out, in/groups, kh, kw] for conv2d
  Initializer initializer = {};
};

// What a layer is planned for.
struct LayerSetting {
  int64_t batch;
  Phase phase;
  int threads;
  Layout layout = Layout::kRows;
};

// What a layer asks of the plan for one batch size. Sizes are in floats.
struct LayerNeeds {
  const char* kernel = "";  // the algorithm chosen by the kernels' table
  bool backward_reads_input = false;
  bool backward_reads_output = false;
  bool aliases_input = false;  // the output is the input under another shape: no work, no memory
  int64_t saved = 0;           // kept from forward to backward
  int64_t forward_scratch = 0;
  int64_t backward_scratch = 0;
};

// What is the same for all layers of one pass.
struct Pass {
  Team& team;
  int64_t batch;  // N, samples in this pass
  Phase phase;
  uint64_t seed;  // of the random layers
  uint64_t step;  // optimizer steps done before this one
};

struct ForwardArguments {
  const Pass& pass;
  Layout layout;   // of x and y
  const float* x;  // [N, input_shape]
  float* y;        // [N, output_shape]; same as x when the layer aliases its input
  float* saved;
  float* scratch;
  std::span<const float* const> parameters;
};

// Where the gradient of a parameter goes: into the optimizer's update at once, or into a buffer when the plan needs all
// gradients before the first update. The layer does not know which.
class GradientSink {
 public:
  virtual ~GradientSink() = default;
  // Where to put the gradient of the elements [first, first + count) of a parameter: in the sink's own buffer, or in
  // `scratch`, memory of the layer for `count` floats that stays untouched until `complete`.
  virtual float* target(int parameter, int64_t first, float* scratch) = 0;
  // These elements are complete at `gradient`, which is what `target` returned. From any thread; disjoint ranges.
  virtual void complete(int parameter, int64_t first, int64_t count, const float* gradient) = 0;
};

struct BackwardArguments {
  const Pass& pass;
  Layout layout;  // of x, y, dy and dx
  const float* x;
  const float* y;
  float* dy;  // gradient of the output; the layer may overwrite it
  float* dx;  // gradient of the input; null when nobody needs it
  const float* saved;
  float* scratch;
  std::span<const float* const> parameters;
  GradientSink& gradients;
};

class Layer {
 public:
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  const std::string& kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const Shape& input_shape() const { return input_shape_; }
  const Shape& output_shape() const { return output_shape_; }
  const std::vector<ParameterSpec>& parameters() const { return parameters_; }

  // Two a multiply-add of the layer's products in one forward pass of one sample; products with padding's zeros do not
  // count. A backward pass costs the same again for the weights and for the gradient of the input.
  virtual int64_t flops() const { return 0; }

  // The layout of its input and output for this batch size, when the layer before it offers `offered`. A layer that is
  // made for rows need not care.
  virtual Layout layout(int64_t /*batch*/, Layout /*offered*/) const { return Layout::kRows; }
  virtual LayerNeeds needs(const LayerSetting& setting) const = 0;
  virtual void forward(const ForwardArguments& args) const = 0;
  // First the gradient of the input, from the weights as they were in forward, then those of the parameters.
  virtual void backward(const BackwardArguments& args) const = 0;

  // Parameters are kept in the layout that the kernels want; files and users see ParameterSpec::shape, row-major.
  virtual void to_file_layout(int parameter, const float* stored, float* file) const;
  virtual void from_file_layout(int parameter, const float* file, float* stored) const;

 protected:
  Layer(const Spec& spec, const Shape& input_shape);

  // The start of every error message: conv2d "conv1"
  std::string label() const { return kind_ + " \"" + name_ + "\""; }
  void set_output_shape(const Shape& shape) { output_shape_ = shape; }
  void add_parameter(ParameterSpec parameter) { parameters_.push_back(std::move(parameter)); }

 private:
  std::string kind_;
  std::string name_;
  Shape input_shape_;
  Shape output_shape_;
  std::vector<ParameterSpec> parameters_;
};

}  // namespace gradloom
