// Scores of pairs among a batch, for two inputs u and v of [D] and `count` K: y[N, 1 + K],
//   y[n, k] = u[n] . v[(n + k) mod N]
// so that the first is the pair's own, and the others are those with the second halves of the K pairs behind it. These
// are negatives that cost no rows of their own (P. Covington et al., 2016; X. Yi et al., RecSys 2019). A second half
// that equals the pair's own, as of the same item, is none, nor is what a small batch has twice: kNoScore, without a
// gradient.
//   du[n] = sum over k of dy[n, k] v[(n + k) mod N]    dv[m] = sum over k of dy[(m - k) mod N, k] u[(m - k) mod N]
// When predicting a sample knows no others: all but the first are kNoScore.
#pragma once

#include <span>

#include "layers/layer.h"

namespace gradloom {

class InBatchNegatives final : public Layer {
 public:
  // Far below any score, finite, and nothing behind a softmax.
  static constexpr float kNoScore = -1e9F;

  InBatchNegatives(const Spec& spec, std::span<const Shape> input_shapes);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  int64_t flops() const override { return 2 * width() * (1 + count_); }

 private:
  int64_t width() const { return input_shape().size(); }
  // Whether pair n has a score with the second half of pair (n + k) mod N.
  bool scores(const float* v, const Pass& pass, int64_t n, int64_t k) const;

  struct Band;
  enum class Side { kFirst, kSecond };
  int64_t band_length(int64_t batch) const;
  void add_products(const BackwardArguments& args, Side side, const float* factors, float* gradient) const;

  int64_t count_;
};

}  // namespace gradloom
