// y[n, p, c] = max of x[n, ., c] over the window of output pixel p; the gradient goes to the pixel that won.
#pragma once

#include "kernels/window2d.h"
#include "layers/layer.h"

namespace gradloom {

class MaxPool2d : public Layer {
 public:
  MaxPool2d(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t batch, Layout offered) const override;
  const Window2d* pooling() const override { return &window_; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 protected:
  // For a window that the caller knows; the output's shape is still to be set.
  MaxPool2d(const Spec& spec, const Shape& input_shape, const Window2d& window);

 private:
  Window2d window_;
};

// One window over the whole image: y is a vector [C].
class GlobalMaxPool2d final : public MaxPool2d {
 public:
  GlobalMaxPool2d(const Spec& spec, const Shape& input_shape);
};

}  // namespace gradloom
