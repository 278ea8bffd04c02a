// y = activation(x), value by value, for activations whose derivative needs the input: gelu, silu, softplus
// (kernels/activation/input_activation.h has the equations).
#pragma once

#include "kernels/activation/input_activation.h"
#include "layers/layer.h"

namespace gradloom {

class InputActivationLayer final : public Layer {
 public:
  InputActivationLayer(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  InputActivation activation_;
};

}  // namespace gradloom
