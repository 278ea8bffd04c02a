// The sum of two or more inputs of one shape: where the paths of a residual block meet (K. He et al., "Deep residual
// learning for image recognition", CVPR 2016).
#pragma once

#include <span>

#include "layers/layer.h"

namespace gradloom {

class Add final : public Layer {
 public:
  Add(const Spec& spec, std::span<const Shape> input_shapes);

  Layout layout(int64_t batch, Layout offered) const override;
  std::unique_ptr<Layer> activated(Activation activation) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  Activation activation_ = Activation::kLinear;
};

}  // namespace gradloom
