// y = activation(x W^T + b) for sparse samples x of `I` features, giving `O` units: dense(...) at the cost of the
// features that are there. N: batch.
//   dz = dy * activation'(y)    dW = dz^T x, for the features that a batch names    db = sum of dz over the batch
//
// Weights are kept as a table [I, O], one row a feature. In files W is [O, I], as for dense.
#pragma once

#include "kernels/activation/activation.h"
#include "layers/layer.h"

namespace gradloom {

class SparseDense final : public Layer {
 public:
  SparseDense(const Spec& spec, const Shape& input_shape);

  InputForm input_form() const override { return InputForm::kSparse; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  void to_file_layout(int parameter, const float* stored, float* file) const override;
  void from_file_layout(int parameter, const float* file, float* stored) const override;
  void widen_to_file_layout(int parameter, const Bfloat16* stored, float* file) const override;
  void round_from_file_layout(int parameter, const float* file, Bfloat16* stored) const override;

 private:
  int64_t inputs_;  // I
  int64_t units_;   // O
  bool has_bias_;
  Activation activation_;
};

}  // namespace gradloom
