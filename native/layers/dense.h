// y = activation(x W^T + b) over samples of `I` features, giving `O` units. N: batch.
//   dz = dy * activation'(y)    dx = dz W    dW = dz^T x    db = sum of dz over the batch
#pragma once

#include "kernels/activation.h"
#include "layers/layer.h"

namespace gradloom {

class Dense final : public Layer {
 public:
  Dense(const Spec& spec, const Shape& input_shape);

  int64_t flops() const override { return 2 * inputs_ * units_; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  void input_gradient(const BackwardArguments& args) const;
  void parameter_gradients(const BackwardArguments& args) const;

  int64_t inputs_;  // I
  int64_t units_;   // O
  bool has_bias_;
  Activation activation_;
};

}  // namespace gradloom
