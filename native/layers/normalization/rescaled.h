// A layer of weights with another one behind it that scales and shifts its channels, as batch normalisation does when
// it predicts: y = s (W x + b - m) + t is one layer with weights s W and bias s (b - m) + t, which are made once for
// many passes. For predictions alone. Parameters are the first layer's, then the other's.
#pragma once

#include <memory>
#include <vector>

#include "layers/layer.h"

namespace gradloom {

class Rescaled final : public Layer {
 public:
  // Null for a pair that is none. Both layers outlive it.
  static std::unique_ptr<Rescaled> of(const Layer& weighted, const Layer& scaling);

  int64_t flops() const override { return biased_->flops(); }
  Layout layout(int64_t batch, Layout offered) const override { return biased_->layout(batch, offered); }
  bool takes_blocks() const override { return biased_->takes_blocks(); }
  Layout output_layout(Layout inputs) const override { return biased_->output_layout(inputs); }
  std::unique_ptr<Layer> activated(Activation activation) const override;
  bool pools(int64_t batch, const Window2d& windows) const override { return biased_->pools(batch, windows); }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  Rescaled(const Layer& weighted, const Layer& scaling, std::unique_ptr<Layer> biased);

  // The weights that are made, then the biases; whole vectors.
  int64_t weights() const;
  int64_t channels() const { return output_shape().back(); }
  int64_t rescaled_floats() const;

  const Layer& weighted_;
  const Layer& scaling_;
  std::unique_ptr<Layer> biased_;  // the first one with a bias, and perhaps an activation
};

}  // namespace gradloom
