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
// Sums are made in double, of parts cut by the problem's size, combined in their order. Those of the statistics are of
// the distances from a channel's first value, so that the variance comes out of the same pass as the mean.
#pragma once

#include "kernels/normalization/batch_norm.h"
#include "kernels/tiling.h"
#include "layers/layer.h"

namespace gradloom {

class BatchNorm final : public Layer {
 public:
  BatchNorm(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  // By relu or leakyRelu alone, whose gradient needs no more than x.
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
  struct Channels {
    int64_t first;
    int64_t end;
  };
  // Of a pass over all parts.
  struct Wanted {
    bool sums;
    bool map;
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
  // Those in lanes.
  ChannelBlock block_of(int64_t batch, int64_t block) const;
  Part part_of(int64_t block, int64_t channel) const;
  int64_t pieces(Layout layout, int64_t batch) const;
  int64_t scratch_floats(int64_t pieces) const;
  Scratch scratch_at(float* memory, int64_t pieces) const;
  Tiling row_tiles(int64_t batch) const;
  Tiling column_tiles() const;
  template <class Work>
  void for_each_part(const Pass& pass, Layout layout, Work work) const;
  template <class Work>
  void for_each_block(const Pass& pass, int64_t channel, Work work) const;
  template <class Sum, class Finish, class Map>
  void sum_and_map(const Pass& pass, Layout layout, const Wanted& wanted, Sum sum, Finish finish, Map map) const;
  void add_pieces(int64_t pieces, const double* partial, Channels channels, double* totals) const;

  const float* first_of(const ForwardArguments& args, int64_t channel) const;
  void finish_moments(const ForwardArguments& args, const double* totals, Channels channels, double* moments) const;
  void running_moments(std::span<const float* const> parameters, double* moments) const;
  double inverse_deviation(const double* moments, int64_t channel) const;
  float scale(std::span<const float* const> parameters, const double* moments, int64_t channel) const;
  // Those of forward.
  void fill_coefficients(std::span<const float* const> parameters, const double* moments, const Scratch& scratch,
                         Channels channels) const;
  ChannelCoefficients coefficients_at(const Scratch& scratch, int64_t channel) const;
  void parameter_gradients(const BackwardArguments& args, const double* moments, const Scratch& scratch) const;
  template <class Value>
  void hand_over(const BackwardArguments& args, int parameter, float* scratch, Value value) const;

  int64_t channels_;
  double momentum_;
  double epsilon_;
  bool batch_statistics_;
  Rectified rectified_ = Rectified::kNo;
  float slope_ = 0;  // kLeaky
  // Numbers of the parameters.
  int weight_;
  int bias_;
  int running_mean_;
  int running_variance_;
};

}  // namespace gradloom
