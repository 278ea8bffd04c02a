// The same values in the same order under another shape.
#pragma once

#include "layers/layer.h"

namespace gradloom {

class Reshape final : public Layer {
 public:
  // Throws SHAPE_MISMATCH when "shape" has another number of values than the input. One of its entries may be -1:
  // whatever is left.
  Reshape(const Spec& spec, const Shape& input_shape);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
};

}  // namespace gradloom
