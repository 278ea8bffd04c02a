#include "kernels/gemm/gemm.h"

#include <cblas.h>

#include <cstring>
#include <limits>

#include "common/error.h"

namespace gradloom {

void gemm(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, Accumulate accumulate, float* c,
          int64_t c_stride) {
  if (shape.rows == 0 || shape.columns == 0) return;
  if (shape.depth == 0) {
    if (accumulate == Accumulate::kAdd) return;
    for (int64_t row = 0; row < shape.rows; ++row) {
      std::memset(c + row * c_stride, 0, static_cast<size_t>(shape.columns) * sizeof(float));
    }
    return;
  }
  const auto op = [](const MatrixOperand& m) { return m.transpose == Transpose::kYes ? CblasTrans : CblasNoTrans; };
  cblas_sgemm(CblasRowMajor, op(a), op(b), static_cast<blasint>(shape.rows), static_cast<blasint>(shape.columns),
              static_cast<blasint>(shape.depth), 1.0F, a.data, static_cast<blasint>(a.stride), b.data,
              static_cast<blasint>(b.stride), accumulate == Accumulate::kAdd ? 1.0F : 0.0F, c,
              static_cast<blasint>(c_stride));
}

void check_gemm_size(int64_t size) {
  if (size > std::numeric_limits<blasint>::max()) {
    throw Error("SHAPE_TOO_LARGE", "a matrix product has a side of " + std::to_string(size) +
                                       "; BLAS takes at most 2^31 - 1. Use a smaller batch or fewer units");
  }
}

const char* blas_description() { return openblas_get_config(); }

}  // namespace gradloom
