// A layer: its shapes, its parameters, and the code of one forward and one backward pass. It is immutable and holds no
// tensors; weights belong to the network, buffers to a plan, so one layer serves any number of plans and threads.
//
// Activations are rows of samples, channels last, [N, features] or [N, H, W, C], or images with the batch in the SIMD
// lanes (kernels/layout/lanes.h). The plan asks each layer which of the two it wants and converts where neighbours
// differ.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/input_form.h"
#include "common/parallel.h"
#include "common/shape.h"
#include "common/spec.h"
#include "kernels/activation/activation.h"
#include "kernels/embedding/sparse_rows.h"
#include "kernels/embedding/table_elements.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/window2d.h"
#include "layers/initializer.h"

namespace gradloom {

enum class Phase {
  kTraining,
  kPredicting,
  // The same outputs as when predicting, but for rounding, and everything that backward needs: for gradients of
  // predictions.
  kDifferentiating,
};

constexpr bool runs_backward(Phase phase) { return phase != Phase::kPredicting; }

enum class Layout {
  kRows,   // [N][H][W][C], or [N][features]
  kLanes,  // [ceil(N / 16)][C][H][W][16]; lanes beyond N carry a zero gradient
};

const char* layout_name(Layout layout);

// The images whose blocks (kernels/layout/lanes.h) hold the features of a vector, where images in lanes were flattened:
// feature p * channels + c is block c * pixels + p.
struct ImageBlocks {
  int64_t pixels = 0;
  int64_t channels = 0;
};

ImageBlocks blocks_of(const Shape& image);

// Floats of `batch` samples of this shape.
int64_t floats_of(const Shape& shape, Layout layout, int64_t batch);

// What training does with a parameter.
enum class ParameterRole {
  kTrained,    // the optimizer updates it by its gradient
  kStatistic,  // the layer gathers it itself: no gradient, no decay, no optimizer state
  kFrozen,     // nothing
};

// A penalty on large weights, l1 sum |w| + l2 sum w^2, whose gradient is added to the loss's:
//   g = g + l1 sign(w) + 2 l2 w,  sign(0) = 0
// Both terms are sums over the whole parameter, as in Keras; nothing is divided by the number of samples.
struct Regularizer {
  float l1 = 0;
  float l2 = 0;

  bool none() const { return l1 == 0 && l2 == 0; }
};

// An attribute of a layer's spec: {l1, l2}, or absent.
Regularizer read_regularizer(const Spec& spec, const std::string& attribute);

struct ParameterSpec {
  std::string name;  // "weight", "bias"
  Shape shape;       // in files: [out, in] for dense, [out, in/groups, kh, kw] for conv2d
  Initializer initializer = {};
  ParameterRole role = ParameterRole::kTrained;
  // Of a table of which a step reads and updates a few rows: floats of a row, as they are kept side by side. Its
  // gradient travels row by row. 0 for other parameters.
  int64_t row_width = 0;
  Regularizer regularizer = {};
  // Of a table; others are floats. Of bfloat16 two lie in the place of a float.
  ElementType element = ElementType::kFloat32;

  // Floats that it takes among the weights.
  int64_t storage_size() const { return element == ElementType::kBfloat16 ? (shape.size() + 1) / 2 : shape.size(); }
};

// What a layer is planned for.
struct LayerSetting {
  int64_t batch;
  Phase phase;
  int threads;
  Layout layout = Layout::kRows;  // of its inputs
  ImageBlocks blocks = {};        // of an input of vectors in lanes
  bool input_gradient = true;     // whether backward is asked for dx
  // Windows of whose pixels the layer keeps the largest (Layer::pools); null for the whole output.
  const Window2d* pooling = nullptr;
};

// Floating-point operations of a kernel for a batch, two a multiply-add, sum or choice.
struct KernelFlops {
  double forward = 0;
  double input_gradient = 0;
  double weight_gradient = 0;
};

// What a layer asks of the plan for one batch size. Sizes are in floats.
struct LayerNeeds {
  const char* kernel = "";  // the algorithm chosen by the kernels' table
  // Where the algorithm does others than Layer::flops counts.
  std::optional<KernelFlops> flops = std::nullopt;
  bool backward_reads_input = false;
  bool backward_reads_output = false;
  bool aliases_input = false;  // the output is the input under another shape: no work, no memory
  // Only the gradient: dx is dy itself, so that backward has nothing to do for the first input. Implied by the above.
  bool passes_gradient = false;
  // Backward sums the gradients of its only table by row from entries as they stand; or by groups, where those are made
  // for other layers, or because others read the table.
  bool sums_unsorted = false;
  // What the layer makes of its weights (`Layer::prepare`), once for all passes that predict with them.
  int64_t prepared = 0;
  int64_t saved = 0;  // kept from forward to backward
  int64_t forward_scratch = 0;
  int64_t backward_scratch = 0;
};

// What is the same for all layers of one pass, but for the team: some small ones have a thread alone.
struct Pass {
  Team& team;
  int64_t batch;  // N, samples in this pass
  Phase phase;
  uint64_t seed;  // of the random layers
  uint64_t step;  // optimizer steps done before this one
  // The samples of the next pass: who comes last in this one may prefetch them.
  Upcoming upcoming = {};
  // Where the order is free, forward reads weights from their end: in training, where updates go from the beginning,
  // and in every other prediction. What was read last is still in a cache then, where of weights read round and round
  // nothing is, once they are too large.
  bool from_end = false;

  Pass with(Team& own) const { return {own, batch, phase, seed, step, upcoming, from_end}; }
};

struct ForwardArguments {
  const Pass& pass;
  Layout layout;   // of x, and of y where `output_layout` does not say otherwise
  const float* x;  // [N, input_shape]
  float* y;        // [N, output_shape]; same as x when the layer aliases its input
  float* saved;
  float* scratch;
  std::span<const float* const> parameters;
  std::span<const float* const> others = {};  // the inputs after x of a layer that has several
  const SparseInput* sparse = nullptr;        // in place of x, when the layer's input form is not floats
  const float* prepared = nullptr;            // as `prepare` made it
  ImageBlocks blocks = {};                    // of x, when it is vectors in lanes
  const Window2d* pooling = nullptr;          // y is the maxima of these windows
  int64_t y_gap = 0;  // floats between the vectors of y, of its last axis; none unless the layer takes one
  // In so many stretches x lies, one behind the other (Layer::input_stretches); 1: its vectors are whole.
  int64_t x_stretches = 1;
};

// Gradients of some rows of a table that a step touched. Touched rows are numbered in ascending order of the rows.
// Where each entry makes an update of its own (Duplicates), places of entries are numbered instead, and rows come
// again. Where the layer sums entries (LayerNeeds::sums_unsorted), rows come once, in no order, and have no numbers.
struct RowGradients {
  int64_t first;         // the number of the first of them
  int64_t count;         // of rows
  const uint32_t* rows;  // [count]
  int64_t width;         // floats of a row
  float* values;         // [count, width]; the sink may change them
  // The thread that has them, where others may be at the same rows; -1 where none is.
  int hogwild_thread = -1;
  // [count, width], for the weights of a table of bfloat16 while they are updated.
  float* scratch = nullptr;
  int64_t coming = 0;  // rows behind these in `rows`, which are next
};

// Where the gradient of a parameter goes: into the optimizer's update at once, or into a buffer when the plan needs all
// gradients before the first update. The layer does not know which. Statistics take the same way, their new values in
// the place of a gradient, so that a step that is left out changes none of them either.
class GradientSink {
 public:
  virtual ~GradientSink() = default;
  // Where to put the gradient of the elements [first, first + count) of a parameter: in the sink's own buffer, or in
  // `scratch`, memory of the layer for `count` floats that stays untouched until `complete`.
  virtual float* target(int parameter, int64_t first, float* scratch) = 0;
  // These elements are complete at `gradient`, which is what `target` returned; the sink may change them. From any
  // thread; disjoint ranges.
  virtual void complete(int parameter, int64_t first, int64_t count, float* gradient) = 0;
  // The same for elements whose gradient is a product, which the sink makes: c is not looked at. `scratch`: as for
  // `target`.
  virtual void complete_product(int parameter, int64_t first, DueProduct product, float* scratch);

  // The same for a table of rows. A step touches at most `touched` of its rows; what is said of no row has
  // no gradient.
  virtual void begin_rows(int /*parameter*/, int64_t /*touched*/) {}
  virtual float* row_target(int /*parameter*/, int64_t /*first*/, float* scratch) { return scratch; }
  virtual void complete_rows(int parameter, const RowGradients& gradients) {
    for (int64_t i = 0; i < gradients.count; ++i) {
      complete(parameter, gradients.rows[i] * gradients.width, gradients.width, gradients.values + i * gradients.width);
    }
  }
};

struct BackwardArguments {
  const Pass& pass;
  Layout layout;  // of x and dx; of y and dy as in forward
  const float* x;
  const float* y;
  float* dy;  // gradient of the output; the layer may overwrite it
  float* dx;  // gradient of the input; null when nobody needs it, dy when it passes the gradient on
  const float* saved;
  float* scratch;
  std::span<const float* const> parameters;
  GradientSink& gradients;
  std::span<const float* const> others = {};
  std::span<float* const> other_gradients = {};  // of the others; null when nobody needs it
  const SparseInput* sparse = nullptr;           // with groups or parts
  ImageBlocks blocks = {};
  const Window2d* pooling = nullptr;  // y is the maxima of these windows, dy their gradient
  int64_t y_gap = 0;                  // of y and dy, as in forward
  int64_t x_stretches = 1;            // of x, as in forward
};

class Layer {
 public:
  virtual ~Layer() = default;
  Layer& operator=(const Layer&) = delete;

  const std::string& kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const Shape& input_shape() const { return input_shape_; }
  // Of the inputs after the first.
  const std::vector<Shape>& other_input_shapes() const { return other_input_shapes_; }
  const Shape& output_shape() const { return output_shape_; }
  const std::vector<ParameterSpec>& parameters() const { return parameters_; }
  // False for a layer that its user froze: all its parameters are kFrozen.
  bool trainable() const { return trainable_; }
  // Whether training changes any parameter, so that backward has to be called.
  bool learns() const;

  // Two a multiply-add of the layer's products in one forward pass of one sample; products with padding's zeros do not
  // count. A backward pass costs the same again for the weights and for the gradient of the input.
  virtual int64_t flops() const { return 0; }

  // Other forms than floats are those of a network's own input: x and dx are null then.
  virtual InputForm input_form() const { return InputForm::kFloats; }
  // Ids must be below this; 0 when the form is not kIds.
  virtual int64_t id_bound() const { return 0; }

  // The layout of its inputs and output for this batch size, when the layer before its first one offers `offered`. A
  // layer that is made for rows need not care.
  virtual Layout layout(int64_t /*batch*/, Layout /*offered*/) const { return Layout::kRows; }
  // The same layer for rows, of one that otherwise takes its images in lanes and predicts as fast in rows as long as
  // nothing has to be converted for it. Null from all others.
  virtual std::unique_ptr<Layer> in_rows(int64_t /*batch*/) const { return nullptr; }
  // The same layer for lanes, of one that otherwise takes rows and is about as fast in lanes as long as nothing has to
  // be converted for it. Null from all others.
  virtual std::unique_ptr<Layer> in_lanes(int64_t /*batch*/) const { return nullptr; }
  // The same layer for rows by another kernel, of one that is faster by it where nobody wants the gradient of its
  // input. Null from all others.
  virtual std::unique_ptr<Layer> without_gradient(int64_t /*batch*/, Phase /*phase*/) const { return nullptr; }
  // What a prediction of `batch` samples takes, as so many flops in full blocks of lanes, and in which layout.
  struct PredictionWork {
    double flops;
    Layout layout;
  };
  virtual PredictionWork prediction_work(int64_t batch) const {
    return {static_cast<double>(batch) * static_cast<double>(flops()), Layout::kRows};
  }
  // Whether it may be offered lanes for vectors, which are the blocks of flattened images.
  virtual bool takes_blocks() const { return false; }
  virtual Layout output_layout(Layout inputs) const { return inputs; }
  // Of a layer that applies it value by value and does nothing else; its derivative follows from the output.
  virtual std::optional<Activation> elementwise() const { return std::nullopt; }
  // The same layer with this activation behind it, for one that stands alone after it: values get it while they are in
  // a register or in L1. Null from a layer that cannot, or has one of its own.
  virtual std::unique_ptr<Layer> activated(Activation /*activation*/) const { return nullptr; }
  // Of a layer that, when it predicts, scales and shifts the channels of its input and does nothing else.
  virtual bool scales_channels() const { return false; }
  // Of such a layer: y = scale[c] (x - centre[c]) + shift[c].
  struct ChannelScales {
    std::vector<double> scale;
    std::vector<double> centre;
    std::vector<double> shift;
  };
  virtual ChannelScales channel_scales(std::span<const float* const> /*parameters*/) const { return {}; }
  // Of a layer whose channels are sums of products with weights, the first parameter, and perhaps a bias, the second:
  // the same with a bias. Null from others, from one with an activation, and where such scales had better not go into
  // the weights.
  virtual std::unique_ptr<Layer> biased() const { return nullptr; }
  // Of such a layer: weights whose channels are so many times as large.
  virtual void rescale(Team& /*team*/, const float* /*weights*/, const double* /*scale*/, float* /*rescaled*/) const {}
  // Of a layer that takes the maxima of windows and does nothing else.
  virtual const Window2d* pooling() const { return nullptr; }
  // Whether the layer can take them itself of its output, for a pooling that is its only reader: then a value goes into
  // its window's maximum while it is in a register or in L1, and the whole output never exists.
  virtual bool pools(int64_t /*batch*/, const Window2d& /*windows*/) const { return false; }
  // Whether vectors of its output may have a gap between them: those that another layer puts beside others are written
  // where they belong then.
  virtual bool takes_gap() const { return false; }
  // Of such a layer, in rows: the column where vectors of this input begin. -1 for others.
  virtual int64_t column_of(size_t /*input*/) const { return -1; }
  // Into how many stretches (cut_stretches) it cuts the features of vectors in rows, for sums that threads make side by
  // side. It takes x in these stretches, [stretch][N][features of it], too, where each thread's lie together.
  virtual int64_t input_stretches() const { return 1; }
  virtual LayerNeeds needs(const LayerSetting& setting) const = 0;
  // Fills LayerNeeds::prepared floats for passes of this batch size.
  virtual void prepare(Team& /*team*/, int64_t /*batch*/, std::span<const float* const> /*parameters*/,
                       float* /*prepared*/) const {}
  virtual void forward(const ForwardArguments& args) const = 0;
  // First the gradient of the input, from the weights as they were in forward, then those of the parameters that are
  // trained and the new values of statistics.
  virtual void backward(const BackwardArguments& args) const = 0;

  // Parameters are kept in the layout that the kernels want; files and users see ParameterSpec::shape, row-major.
  virtual void to_file_layout(int parameter, const float* stored, float* file) const;
  virtual void from_file_layout(int parameter, const float* file, float* stored) const;
  // The same for a table of bfloat16: exactly, and rounded to nearest.
  virtual void widen_to_file_layout(int parameter, const Bfloat16* stored, float* file) const;
  virtual void round_from_file_layout(int parameter, const float* file, Bfloat16* stored) const;

 protected:
  Layer(const Spec& spec, const Shape& input_shape, std::vector<Shape> other_input_shapes = {});
  Layer(const Layer&) = default;

  // The start of every error message: conv2d "conv1"
  std::string label() const { return kind_ + " \"" + name_ + "\""; }
  // Tells the random numbers of several layers apart. It follows from the layer's name, so that adding a layer
  // elsewhere leaves the numbers of this one alone (32-bit FNV-1a, of which 24 bits count).
  uint32_t random_stream() const;
  void set_output_shape(const Shape& shape) { output_shape_ = shape; }
  void add_parameter(ParameterSpec parameter);

 private:
  std::string kind_;
  std::string name_;
  bool trainable_;
  Shape input_shape_;
  std::vector<Shape> other_input_shapes_;
  Shape output_shape_;
  std::vector<ParameterSpec> parameters_;
};

}  // namespace gradloom
