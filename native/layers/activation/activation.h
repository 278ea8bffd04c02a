// y = activation(x), element by element or, for softmax and its logarithm, over the last axis
// (kernels/activation/activation.h has the equations). Behind a dense or convolution layer the option `activation` does
// the same in that layer's epilogue, with the default slope and alpha.
#pragma once

#include "kernels/activation/activation.h"
#include "layers/layer.h"

namespace gradloom {

class ActivationLayer final : public Layer {
 public:
  ActivationLayer(const Spec& spec, const Shape& input_shape);

  // Softmax and its logarithm need the channels of a sample side by side.
  Layout layout(int64_t /*batch*/, Layout offered) const override {
    return activation_.spans_row() ? Layout::kRows : offered;
  }
  std::optional<Activation> elementwise() const override {
    return activation_.spans_row() ? std::nullopt : std::optional(activation_);
  }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  RowBlock rows_of(const Pass& pass, Layout layout) const;

  Activation activation_;
};

}  // namespace gradloom
