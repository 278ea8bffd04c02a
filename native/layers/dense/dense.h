// y = activation(x W^T + b) over samples of `I` features, giving `O` units. N: batch.
//   dz = dy * activation'(y)    dx = dz W    dW = dz^T x    db = sum of dz over the batch
//
// Weights are kept in panels of up to 64 units: panel p is [I][width], units 64 p to 64 p + width - 1 side by side, so
// that a product reads them as vectors without packing. In files W is [O, I].
//
// One of these algorithms, chosen by kernels/choice.h and the layout of the input:
//   panels.h  rows
//   lanes.h   images in lanes, of few units
//   narrow.h  lanes on both sides, of few inputs and units
#pragma once

#include "kernels/choice.h"
#include "layers/dense/algorithm.h"
#include "layers/layer.h"

namespace gradloom {

class Dense final : public Layer {
 public:
  Dense(const Spec& spec, const Shape& input_shape);

  int64_t flops() const override { return 2 * dense_.weight_count(); }
  Layout layout(int64_t batch, Layout offered) const override;
  bool takes_blocks() const override { return true; }
  Layout output_layout(Layout inputs) const override { return narrow_ ? inputs : Layout::kRows; }
  std::unique_ptr<Layer> activated(Activation activation) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  int64_t input_stretches() const override { return stretches_; }
  void to_file_layout(int parameter, const float* stored, float* file) const override;
  void from_file_layout(int parameter, const float* file, float* stored) const override;

 private:
  // Returns use(the algorithm for inputs in this layout).
  template <class Use>
  auto with_algorithm(Layout layout, const Use& use) const;

  DenseDefinition dense_;
  DenseKernel kernel_;
  bool narrow_;        // its kernel in lanes
  int64_t stretches_;  // of inputs in rows, for each of which a sum is made
};

}  // namespace gradloom
