// Shampoo (V. Gupta, T. Koren, Y. Singer, ICML 2018): AdaGrad with full matrices for the rows and for the columns of a
// matrix, with the length of its steps taken from diagonal AdaGrad (grafting; R. Anil et al., arXiv:2002.09018).
//
// A parameter of shape [m, ...] is a matrix of m rows, cut into blocks of at most blockSize rows and columns. For the
// gradient g of a block:
//   g = -g if direction is 'maximize';  coupled decay: g += weightDecay w
//   s = s + g^2,  d = g / (sqrt(s) + epsilon)                       diagonal AdaGrad's direction
//   L = L + g g^T,  R = R + g^T g                                   (both start at 0)
//   every rootEvery steps: A = (L + r I)^(-1/4),  B = (R + r I)^(-1/4),  r = 1e-6 of the largest eigenvalue
//   p = A g B;  w = w - learningRate p |d| / |p|
// Until the first roots, for vectors, and where p is 0, d is the step. The roots come from an eigendecomposition in
// double. A block costs blockSize^3 operations a step and four matrices of blockSize^2 values, so this is for dense
// layers of moderate size.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct ShampooRule {
  double initial_accumulator;
  float epsilon;
  int64_t block_size;
  int64_t root_every;
  bool decoupled;
  bool maximize;
};

class Shampoo final : public Optimizer {
 public:
  explicit Shampoo(const Spec& spec);

  Granularity granularity() const override { return Granularity::kParameter; }
  int64_t divisions() const override { return 2; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  ShampooRule rule_;
};

}  // namespace gradloom
