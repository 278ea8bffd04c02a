// Inverted dropout: in training y = x m / (1 - rate) with m = 0 at probability `rate`, else 1; in predicting y = x
// (N. Srivastava et al., JMLR 15, 2014). The mask is a function of (seed, layer, step, position) alone.
#pragma once

#include "layers/layer.h"

namespace gradloom {

class Dropout final : public Layer {
 public:
  Dropout(const Spec& spec, const Shape& input_shape);

  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  float scale_;         // 1 / (1 - rate)
  uint32_t threshold_;  // a word below it drops the element
};

}  // namespace gradloom
