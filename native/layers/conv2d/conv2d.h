// Two-dimensional convolution (cross-correlation, as in every framework) over channels-last images, in G groups:
//   z[n, p, k] = b[k] + sum over (r, s, c) of x[n, pixel (r, s) of p, c] w[k, r, s, c],   y = activation(z)
// with k in a group seeing only that group's C/G channels. N: batch; P: output pixels; K: filters; RSC: window size.
//
// Weights are kept as [K, R, S, C/G]; in files [K, C/G, R, S]. One of these algorithms, chosen by kernels/choice.h:
//   blas.h              rows: im2col and products of matrices
//   direct.h            images in lanes: the loops of the definition
//   pointwise.h         images in lanes: products of matrices, for windows of one pixel
//   depthwise.h         images in lanes: plane by plane, where each channel has its own filter
//   winograd.h          images in lanes: products of transformed tiles
//   channels.h          rows, for a few samples: the loops of the definition with filters in the lanes
//   winograd_channels.h likewise, by Winograd
//   pixels.h            rows, for small maps: pixel by pixel of the output, with filters in the lanes
//   grouped_channels.h  likewise, with the filters of many small groups in the lanes
#pragma once

#include "kernels/choice.h"
#include "layers/conv2d/algorithm.h"
#include "layers/layer.h"

namespace gradloom {

class Conv2d final : public Layer {
 public:
  Conv2d(const Spec& spec, const Shape& input_shape);

  int64_t flops() const override;
  Layout layout(int64_t batch, Layout offered) const override;
  std::unique_ptr<Layer> activated(Activation activation) const override;
  std::unique_ptr<Layer> biased() const override;
  void rescale(Team& team, const float* weights, const double* scale, float* rescaled) const override;
  std::unique_ptr<Layer> in_rows(int64_t batch) const override;
  std::unique_ptr<Layer> in_lanes(int64_t batch) const override;
  std::unique_ptr<Layer> without_gradient(int64_t batch, Phase phase) const override;
  PredictionWork prediction_work(int64_t batch) const override;
  bool pools(int64_t batch, const Window2d& windows) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  void prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  void to_file_layout(int parameter, const float* stored, float* file) const override;
  void from_file_layout(int parameter, const float* file, float* stored) const override;

 private:
  Conv2dShape conv2d_shape() const;
  Conv2dKernel kernel_for(int64_t batch) const;
  // A copy with this one; null without.
  std::unique_ptr<Layer> by_kernel(std::optional<Conv2dKernel> kernel) const;
  // Returns use(its algorithm).
  template <class Use>
  auto with_algorithm(Conv2dKernel kernel, const Use& use) const;

  Conv2dDefinition conv_;
  Conv2dKernel kernel_;  // as asked for or that of `in_rows`, `in_lanes` or `without_gradient`; kAuto leaves it to the
                         // batch size
};

}  // namespace gradloom
