// A few units behind images in lanes, which are read as they lie (kernels/dense/lanes.h).
#pragma once

#include "layers/dense/algorithm.h"

namespace gradloom {

class DenseLanes final : public DenseAlgorithm {
 public:
  using DenseAlgorithm::DenseAlgorithm;

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  EvenTiling gradient_pixels(const ImageBlocks& blocks, int64_t batch) const;
};

}  // namespace gradloom
