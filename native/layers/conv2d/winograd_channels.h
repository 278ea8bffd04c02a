// Conv2d by Winograd for a few samples, in rows and with channels in the SIMD lanes
// (kernels/winograd/conv2d_channels.h).
#pragma once

#include "kernels/winograd/conv2d_channels.h"
#include "kernels/winograd/conv2d_channels_weight_gradient.h"
#include "layers/conv2d/channels.h"
#include "layers/conv2d/winograd.h"

namespace gradloom {

class Conv2dWinogradChannels final : public Conv2dFiltersInLanes {
 public:
  using Conv2dFiltersInLanes::Conv2dFiltersInLanes;

  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t prepared_floats() const override;
  bool prepares_each_pass(int64_t batch) const override;
  void prepare(Team& team, const float* weights, float* prepared) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  // Which convolution filters are made for.
  enum class PackedFor { kForward, kInputGradient };
  // Made already, or else to be made of the weights.
  struct Filters {
    const float* prepared;
    PackedFor pass;
    const float* weights;
  };

  struct PartFilters;

  WinogradRows rows_shape() const;
  // Calls visit(shape) for the convolutions that give the gradient of the input.
  template <class Visit>
  void for_each_gradient_shape(Visit visit) const;
  // Of the transformed filters of a group.
  static int64_t transformed_floats(const WinogradRows& shape);
  // Packed filters and, behind them, what these are transformed into.
  int64_t filter_floats(const WinogradRows& shape) const;
  int64_t scratch_floats(const WinogradRows& shape, const LayerSetting& setting) const;
  void make_all_filters(Team& team, const WinogradRows& shape, PackedFor pass, const float* weights,
                        float* filters) const;
  void convolve(const Pass& pass, const WinogradRows& shape, const float* x, const ChannelsOutput& output,
                const Filters& filters, float* scratch) const;
  void multiply_parts(Team& team, const WinogradRows& shape, const WinogradChannels& tiles, const float* x,
                      const Filters& filters, const ChannelsOutput& output, float* scratch) const;
  static void multiply_chunks(Team& team, const WinogradChannels& tiles, const float* x, const float* u,
                              const ChannelsOutput& output, float* scratch);
  void input_gradient(const BackwardArguments& args) const;
  void bias_gradient(const BackwardArguments& args) const;
  void weight_gradients(const BackwardArguments& args, const WinogradChannelsGradient& gradient, float* scratch) const;
  // All sums of a group, unless these are made by parts.
  void add_products(Team& team, const WinogradChannelsGradient& gradient, const float* x, const float* dz,
                    float* scratch) const;
};

}  // namespace gradloom
