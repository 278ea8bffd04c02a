// [N, H, W, C] seen as [N, H * W * C], channels fastest. No work and no memory: the output is the input, also in lanes.
#pragma once

#include "layers/layer.h"

namespace gradloom {

class Flatten final : public Layer {
 public:
  Flatten(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  bool takes_blocks() const override { return true; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
};

}  // namespace gradloom
