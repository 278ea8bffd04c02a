// The affine map of a dense layer, before its activation. N: batch, I: inputs, O: units.
//   z[n, o] = b[o] + sum over i of x[n, i] w[o, i]
//   dx[n, i] = sum over o of dz[n, o] w[o, i]
//   dw[o, i] = sum over n of dz[n, o] x[n, i]
//   db[o] = sum over n of dz[n, o]
// All gradients are overwritten.
#pragma once

#include <cstdint>

namespace gradloom::reference {

struct DenseShape {
  int64_t batch;   // N
  int64_t inputs;  // I
  int64_t units;   // O
};

// `bias` may be null.
void dense(const DenseShape& shape, const double* x, const double* weight, const double* bias, double* z);

struct DenseGradients {
  double* x;       // [N, I]
  double* weight;  // [O, I]
  double* bias;    // [O]
};

void dense_backward(const DenseShape& shape, const double* x, const double* weight, const double* dz,
                    const DenseGradients& gradients);

}  // namespace gradloom::reference
