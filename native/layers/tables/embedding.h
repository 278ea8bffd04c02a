// Rows of a table [R, D], one for each id of a sample of L ids: y[N, L, D], y[n, l] = table[ids[n, l]]
//   d table[r] = sum of dy[n, l] over the places that name r, in order; none for the row of the padding id
#pragma once

#include "layers/layer.h"

namespace gradloom {

class Embedding final : public Layer {
 public:
  Embedding(const Spec& spec, const Shape& input_shape);

  InputForm input_form() const override { return InputForm::kIds; }
  int64_t id_bound() const override { return rows_; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  bool takes_gap() const override { return true; }
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  int64_t rows_;     // R
  int64_t units_;    // D
  int64_t padding_;  // -1: none
};

}  // namespace gradloom
