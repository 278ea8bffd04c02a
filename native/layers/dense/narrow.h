// Few inputs and few units, both in lanes (kernels/dense/narrow.h).
#pragma once

#include "layers/dense/algorithm.h"

namespace gradloom {

class DenseNarrow final : public DenseAlgorithm {
 public:
  using DenseAlgorithm::DenseAlgorithm;

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
};

}  // namespace gradloom
