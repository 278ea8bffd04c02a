// y = activation(x), element by element or, for softmax, over the last axis (kernels/activation.h has the equations).
// Behind a dense or convolution layer the option `activation` does the same in that layer's epilogue.
#pragma once

#include "kernels/activation.h"
#include "layers/layer.h"

namespace gradloom {

class ActivationLayer final : public Layer {
 public:
  ActivationLayer(const Spec& spec, const Shape& input_shape);

  LayerNeeds needs(int64_t batch, Phase phase, int threads) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  Activation activation_;
};

}  // namespace gradloom
