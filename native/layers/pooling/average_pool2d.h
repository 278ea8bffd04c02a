// y[n, p, c] = mean of x[n, ., c] over the window of output pixel p; the gradient is spread evenly over the window.
#pragma once

#include "kernels/pooling/average_pool.h"
#include "layers/layer.h"

namespace gradloom {

class AveragePool2d : public Layer {
 public:
  AveragePool2d(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 protected:
  // For a window that the caller knows; the output's shape is still to be set.
  AveragePool2d(const Spec& spec, const Shape& input_shape, const Window2d& window, CountPadding padding);

 private:
  // Calls pool(channels, offset of an image in the input, offset in the output) for all images: samples, or one channel
  // of 16 samples.
  template <class Pool>
  void for_each_image(const Pass& pass, Layout layout, Pool pool) const;

  Window2d window_;
  CountPadding count_padding_;
};

// One window over the whole image: y is a vector [C].
class GlobalAveragePool2d final : public AveragePool2d {
 public:
  GlobalAveragePool2d(const Spec& spec, const Shape& input_shape);
};

}  // namespace gradloom
