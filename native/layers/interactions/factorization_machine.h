// The second-order term of a factorization machine over a sample's vectors, [F, D] to [1]:
//   y = sum over i < j of v_i . v_j    dv_i = dy (sum over j of v_j - v_i)
// (S. Rendle, "Factorization machines", ICDM 2010; as the interaction of DeepFM, H. Guo et al., IJCAI 2017)
#pragma once

#include "layers/interactions/field_layer.h"

namespace gradloom {

class FactorizationMachine final : public FieldLayer {
 public:
  FactorizationMachine(const Spec& spec, const Shape& input_shape);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  int64_t flops() const override { return 3 * input_shape().size(); }
};

}  // namespace gradloom
