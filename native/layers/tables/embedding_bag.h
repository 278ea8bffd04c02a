// The rows of a table [R, D] that a sample names, pooled into one: y[N, D], over the entries e of sample n that are not
// the padding id,
//   sum    y[n] = sum of values[e] table[indices[e]]
//   mean   the same, divided by the number of entries
//   max    y[n, d] = max of table[indices[e], d]; values do not count, of equal ones the first one has the gradient
// and zeros without entries (PyTorch's EmbeddingBag; TensorFlow's mean divides by the sum of the values instead).
//
// With as many `rows` as given, samples are lists of L ids; with rows 0 they are sparse rows of R features, so that
// lists of any length and values come in.
#pragma once

#include "kernels/embedding/embedding.h"
#include "layers/layer.h"

namespace gradloom {

class EmbeddingBag final : public Layer {
 public:
  EmbeddingBag(const Spec& spec, const Shape& input_shape);

  InputForm input_form() const override { return reads_ids_ ? InputForm::kIds : InputForm::kSparse; }
  int64_t id_bound() const override { return reads_ids_ ? rows_ : 0; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  bool reads_ids_;
  int64_t rows_;   // R
  int64_t units_;  // D
  BagRule rule_;
};

}  // namespace gradloom
