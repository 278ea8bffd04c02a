// Dropout of whole channels of a sample: in training y = x m / (1 - rate) with m = 0 at probability `rate`, else 1, one
// m for all positions of a channel (J. Tompson et al., "Efficient object localization using convolutional networks",
// CVPR 2015); in predicting y = x. The mask is a function of (seed, layer, step, sample, channel) alone.
#pragma once

#include "layers/layer.h"

namespace gradloom {

class SpatialDropout final : public Layer {
 public:
  SpatialDropout(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  void apply(const Pass& pass, Layout layout, const float* in, float* out, float* factors) const;
  void draw_factors(const Pass& pass, Layout layout, float* factors) const;

  float scale_;         // 1 / (1 - rate)
  uint64_t threshold_;  // a 32-bit word below it drops the channel
};

}  // namespace gradloom
