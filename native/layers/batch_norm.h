// Batch normalisation (S. Ioffe, C. Szegedy, ICML 2015). Of channel c of x, over the M values of all samples and
// pixels:
//   y = (x - mean) / sqrt(variance + epsilon) * weight[c] + bias[c]
// with mean and variance (that of the batch, 1/M) of the batch in training, and the running ones otherwise. A training
// step moves those, as in PyTorch, by
//   running = (1 - momentum) running + momentum new
// where the new variance is the unbiased one, 1/(M - 1). One value alone has none: the running variance then stays.
//   u = (x - mean) / sqrt(variance + epsilon)   dweight = sum of dy u   dbias = sum of dy
//   dx = weight / sqrt(variance + epsilon) * (dy - dbias / M - u dweight / M), or without the last two terms where the
//   running statistics normalise.
//
// Sums are made in double, in two passes for the variance: parts cut by the problem's size, combined in their order.
#pragma once

#include "kernels/batch_norm.h"
#include "kernels/tiling.h"
#include "layers/layer.h"

namespace gradloom {

class BatchNorm final : public Layer {
 public:
  BatchNorm(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  // By relu alone, whose gradient needs no more than x.
  std::unique_ptr<Layer> activated(Activation activation) const override;
  bool scales_channels() const override { return rectified_ == Rectified::kNo; }
  ChannelScales channel_scales(std::span<const float* const> parameters) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  static constexpr int kAbsent = -1;

  // A part of the activation: where it starts, which piece of the sums it adds to, and its first channel.
  struct Part {
    int64_t offset;
    int64_t piece;
    int64_t channel;
  };
  // C: channels, P: pieces of the sums.
  struct Scratch {
    double* moments;      // mean, then variance: [2][C]
    double* partial;      // [2][P][C]
    double* totals;       // of dy, then of dy (x - mean): [2][C]
    float* coefficients;  // mean, scale, shift, centre, slope: [5][C]
    float* gradient;      // [C]
  };

  // Whether the statistics of the batch normalise, as in training. A frozen layer uses the running ones, as in Keras.
  bool learns_statistics(Phase phase) const { return batch_statistics_ && trainable() && phase == Phase::kTraining; }
  bool trains(int parameter) const { return parameter != kAbsent && trainable(); }
  int64_t pixels() const { return input_shape().size() / channels_; }
  int64_t pieces(Layout layout, int64_t batch) const;
  int64_t scratch_floats(int64_t pieces) const;
  Scratch scratch_at(float* memory, int64_t pieces) const;
  Tiling row_tiles(int64_t batch) const;
  Tiling column_tiles() const;
  template <class Work>
  void for_each_part(const Pass& pass, Layout layout, Work work) const;
  template <class Finish>
  void add_pieces(Team& team, int64_t pieces, const double* partial, Finish finish) const;

  void batch_moments(const ForwardArguments& args, double* partial, double* moments) const;
  void running_moments(std::span<const float* const> parameters, double* moments) const;
  double inverse_deviation(const double* moments, int64_t channel) const;
  float scale(std::span<const float* const> parameters, const double* moments, int64_t channel) const;
  // Those of forward.
  void fill_coefficients(std::span<const float* const> parameters, const double* moments, const Scratch& scratch) const;
  ChannelCoefficients coefficients_at(const Scratch& scratch, int64_t channel) const;
  void sum_gradients(const BackwardArguments& args, const double* moments, const Scratch& scratch) const;
  void input_gradient(const BackwardArguments& args, const double* moments, const Scratch& scratch) const;
  void parameter_gradients(const BackwardArguments& args, const double* moments, const Scratch& scratch) const;
  template <class Value>
  void hand_over(const BackwardArguments& args, int parameter, float* scratch, Value value) const;

  int64_t channels_;
  double momentum_;
  double epsilon_;
  bool batch_statistics_;
  Rectified rectified_ = Rectified::kNo;
  // Numbers of the parameters.
  int weight_;
  int bias_;
  int running_mean_;
  int running_variance_;
};

}  // namespace gradloom
