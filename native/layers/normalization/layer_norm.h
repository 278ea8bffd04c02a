// Layer normalisation (J. Ba, J. Kiros, G. Hinton, 2016). Each row of D values, the last `axes` axes of a sample, by
// its own mean and variance (1/D), in training and predicting alike:
//   u = (x - mean) / sqrt(variance + epsilon)   y = u weight + bias, with one weight and one bias for each of the D
// and, with du = dy weight,
//   dx = (du - mean of du - u mean of du u) / sqrt(variance + epsilon)
//   dweight = sum over the rows of dy u   dbias = sum over the rows of dy
#pragma once

#include "kernels/normalization/layer_norm.h"
#include "kernels/tiling.h"
#include "layers/layer.h"

namespace gradloom {

class LayerNorm final : public Layer {
 public:
  LayerNorm(const Spec& spec, const Shape& input_shape);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  int64_t rows(int64_t batch) const { return batch * (input_shape().size() / columns_); }
  const float* weight(std::span<const float* const> parameters) const { return has_weight_ ? parameters[0] : nullptr; }
  Tiling column_tiles() const;
  Tiling piece_tiles(int64_t batch) const;
  void parameter_gradients(const BackwardArguments& args, const RowMoments* moments) const;

  int64_t columns_ = 1;  // D
  double epsilon_;
  bool has_weight_;
  bool has_bias_;
};

}  // namespace gradloom
