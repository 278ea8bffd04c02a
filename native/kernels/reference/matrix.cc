#include "kernels/reference/matrix.h"

namespace gradloom::reference {
namespace {

double element(const Matrix& m, int64_t row, int64_t column) {
  return m.transpose == Transpose::kYes ? m.data[column * m.stride + row] : m.data[row * m.stride + column];
}

}  // namespace

void matrix_product(const ProductShape& shape, const Matrix& a, const Matrix& b, Accumulate accumulate, double* c,
                    int64_t c_stride) {
  for (int64_t m = 0; m < shape.rows; ++m) {
    for (int64_t n = 0; n < shape.columns; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < shape.depth; ++k) sum += element(a, m, k) * element(b, k, n);
      double& out = c[m * c_stride + n];
      out = accumulate == Accumulate::kAdd ? out + sum : sum;
    }
  }
}

void add_column_sums(int64_t rows, int64_t columns, int64_t stride, const double* values, double* total) {
  for (int64_t c = 0; c < columns; ++c) {
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += values[r * stride + c];
    total[c] += sum;
  }
}

}  // namespace gradloom::reference
