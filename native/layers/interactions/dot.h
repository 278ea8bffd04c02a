// The scalar products of two inputs of one shape along the last axis, [..., D] and [..., D] to [...]; of vectors, [1].
//   y = sum over d of a[d] b[d]    da = dy b    db = dy a
#pragma once

#include <span>

#include "layers/layer.h"

namespace gradloom {

class Dot final : public Layer {
 public:
  Dot(const Spec& spec, std::span<const Shape> input_shapes);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  int64_t flops() const override { return 2 * input_shape().size(); }
};

}  // namespace gradloom
