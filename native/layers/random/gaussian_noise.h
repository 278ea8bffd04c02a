// Normal noise with mean 0, added in training; in predicting y = x. The noise is a function of (seed, layer, step,
// position) alone.
#pragma once

#include "layers/layer.h"

namespace gradloom {

class GaussianNoise final : public Layer {
 public:
  GaussianNoise(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  double standard_deviation_;
};

}  // namespace gradloom
