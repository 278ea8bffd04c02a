// Scalar twins, in double, of kernels/gemm/gemm.h and of the sums in kernels/activation/activation.h: the oracle of the
// tests. M, N, K: rows, columns and depth of a product.
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"

namespace gradloom::reference {

// As MatrixOperand: op(data) is data or its transpose, `stride` values from row to row.
struct Matrix {
  const double* data;
  int64_t stride;
  Transpose transpose = Transpose::kNo;
};

// c[m, n] = sum over k of op(a)[m, k] op(b)[k, n], or += with kAdd.
void matrix_product(const ProductShape& shape, const Matrix& a, const Matrix& b, Accumulate accumulate, double* c,
                    int64_t c_stride);

// total[c] += sum over r of values[r, c]; `stride` values from row to row.
void add_column_sums(int64_t rows, int64_t columns, int64_t stride, const double* values, double* total);

}  // namespace gradloom::reference
