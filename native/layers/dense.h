// y = activation(x W^T + b) over samples of `I` features, giving `O` units. N: batch.
//   dz = dy * activation'(y)    dx = dz W    dW = dz^T x    db = sum of dz over the batch
//
// Weights are kept in panels of up to 64 units: panel p is [I][width], units 64 p to 64 p + width - 1 side by side, so
// that a product reads them as vectors without packing. In files W is [O, I].
//
// A few units behind images in lanes read these as they lie (kernels/dense_lanes.h). With few inputs, too, all is in
// lanes (kernels/dense_narrow.h).
#pragma once

#include "kernels/activation.h"
#include "kernels/choice.h"
#include "kernels/tiling.h"
#include "layers/dense_panels.h"
#include "layers/layer.h"

namespace gradloom {

class Dense final : public Layer {
 public:
  Dense(const Spec& spec, const Shape& input_shape);

  int64_t flops() const override { return 2 * inputs_ * units_; }
  Layout layout(int64_t batch, Layout offered) const override;
  bool takes_blocks() const override { return true; }
  Layout output_layout(Layout inputs) const override { return narrow_ ? inputs : Layout::kRows; }
  std::unique_ptr<Layer> activated(Activation activation) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  int64_t input_stretches() const override { return stretches_; }
  void to_file_layout(int parameter, const float* stored, float* file) const override;
  void from_file_layout(int parameter, const float* file, float* stored) const override;

 private:
  int threads_to_cut_for(int threads) const;
  InputPieces gradient_rows(int64_t batch, int threads) const;
  InputStretches input_in(const float* x, int64_t batch, int64_t stretches) const {
    return {x, batch, cut_stretches(inputs_, stretches_), stretches == 1};
  }
  int64_t gradient_scratch(int64_t batch, int most_threads) const;
  void forward_stretches(const ForwardArguments& args) const;
  ByteSpan weights_behind(const float* weight, int64_t panel, const EvenTiling& rows, int64_t piece) const;
  int64_t panel_floats(int64_t batch) const;
  int64_t input_gradient_floats(int64_t batch, int threads) const;
  bool transposes_gradient(int64_t batch) const;
  int64_t transposed_weights() const;
  int64_t transposed_stride(int64_t batch) const;
  int64_t transposed_floats(int64_t batch) const;
  int64_t gradient_floats(int64_t inputs) const;
  void output_gradient(const BackwardArguments& args, float* panels) const;
  void input_gradient(const BackwardArguments& args, float* scratch) const;
  void input_gradient_by_weights(const BackwardArguments& args, float* scratch) const;
  void input_gradient_transposed(const BackwardArguments& args, float* scratch) const;
  void parameter_gradients(const BackwardArguments& args, const float* panels, float* scratch) const;
  void bias_gradient(const BackwardArguments& args, float* scratch) const;
  // Calls job(index, thread) for all products, and for the bias as one more: little of both is not worth a round.
  template <class Job>
  void for_gradients(const Pass& pass, int64_t products, Job&& job) const {
    const int64_t jobs = products + (has_bias_ ? 1 : 0);
    if (products > 1 || tile_rows(pass.batch, units_).count > 1) return pass.team.for_each(jobs, job);
    for (int64_t index = 0; index < jobs; ++index) job(index, 0);
  }

  LayerNeeds needs_lanes(const LayerSetting& setting) const;
  void forward_lanes(const ForwardArguments& args) const;
  void backward_lanes(const BackwardArguments& args) const;
  EvenTiling gradient_pixels(const ImageBlocks& blocks, int64_t batch) const;

  LayerNeeds needs_narrow(const LayerSetting& setting) const;
  void forward_narrow(const ForwardArguments& args) const;
  void backward_narrow(const BackwardArguments& args) const;

  int64_t inputs_;  // I
  int64_t units_;   // O
  bool has_bias_;
  Activation activation_;
  DenseKernel kernel_;
  bool narrow_;        // its kernel in lanes
  int64_t stretches_;  // of inputs in rows, for each of which a sum is made
};

}  // namespace gradloom
