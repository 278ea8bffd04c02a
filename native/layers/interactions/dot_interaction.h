// The scalar products of all pairs of a sample's vectors, [F, D] to [F (F - 1) / 2]: (1, 0), (2, 0), (2, 1), ...
//   y_ij = x_i . x_j for j < i    dx_i = sum over j of dy_ij x_j
// (M. Naumov et al., "Deep learning recommendation model for personalization and recommendation systems", 2019)
#pragma once

#include "layers/interactions/field_layer.h"

namespace gradloom {

class DotInteraction final : public FieldLayer {
 public:
  DotInteraction(const Spec& spec, const Shape& input_shape);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  int64_t flops() const override { return 2 * output_shape()[0] * width(); }
};

}  // namespace gradloom
