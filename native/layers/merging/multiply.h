// The product of two or more inputs of one shape, element by element: gates, interactions of embeddings.
//   dx_k = dy * product of the inputs but x_k
#pragma once

#include <span>

#include "layers/layer.h"

namespace gradloom {

class Multiply final : public Layer {
 public:
  Multiply(const Spec& spec, std::span<const Shape> input_shapes);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
};

}  // namespace gradloom
