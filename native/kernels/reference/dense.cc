#include "kernels/reference/dense.h"

#include <algorithm>

#include "kernels/reference/matrix.h"

namespace gradloom::reference {

void dense(const DenseShape& shape, const double* x, const double* weight, const double* bias, double* z) {
  const auto [batch, inputs, units] = shape;
  matrix_product({batch, units, inputs}, {x, inputs}, {weight, inputs, Transpose::kYes}, Accumulate::kOverwrite, z,
                 units);
  if (bias == nullptr) return;
  for (int64_t i = 0; i < batch * units; ++i) z[i] += bias[i % units];
}

void dense_backward(const DenseShape& shape, const double* x, const double* weight, const double* dz,
                    const DenseGradients& gradients) {
  const auto [batch, inputs, units] = shape;
  matrix_product({batch, inputs, units}, {dz, units}, {weight, inputs}, Accumulate::kOverwrite, gradients.x, inputs);
  matrix_product({units, inputs, batch}, {dz, units, Transpose::kYes}, {x, inputs}, Accumulate::kOverwrite,
                 gradients.weight, inputs);
  std::fill_n(gradients.bias, units, 0.0);
  add_column_sums(batch, units, units, dz, gradients.bias);
}

}  // namespace gradloom::reference
