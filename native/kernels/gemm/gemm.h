// Single-precision matrix product on OpenBLAS. The only interface to BLAS; single-threaded by the rules of
// common/parallel.h, so products of tiles may run on all threads of a team at once.
#pragma once

#include <cstdint>

namespace gradloom {

enum class Transpose { kNo, kYes };
enum class Accumulate { kOverwrite, kAdd };

// A row-major matrix of which a product reads op(data) = data or its transpose; `stride` floats from row to row.
struct MatrixOperand {
  const float* data;
  int64_t stride;
  Transpose transpose = Transpose::kNo;
};

struct ProductShape {
  int64_t rows;     // M
  int64_t columns;  // N
  int64_t depth;    // K
};

// c[M, N] = op(a)[M, K] op(b)[K, N], or += with kAdd. c must not overlap a or b. Any size may be 0; depth 0 gives
// zeros.
void gemm(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, Accumulate accumulate, float* c,
          int64_t c_stride);

// Throws SHAPE_TOO_LARGE when a size does not fit BLAS's 32-bit integers; to be called when a plan is made.
void check_gemm_size(int64_t size);

// "OpenBLAS 0.3.29 ... Cooperlake"
const char* blas_description();

}  // namespace gradloom
