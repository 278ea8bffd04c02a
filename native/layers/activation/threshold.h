// y = x where x is above the threshold, else the value; dx = dy there, else 0. What is not a number stays so, as in
// PyTorch's nn.Threshold.
#pragma once

#include "layers/layer.h"

namespace gradloom {

class Threshold final : public Layer {
 public:
  Threshold(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  float threshold_;
  float value_;
};

}  // namespace gradloom
