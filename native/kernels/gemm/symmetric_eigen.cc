#include "kernels/gemm/symmetric_eigen.h"

#include <cstddef>

// Debian's OpenBLAS has LAPACK inside, but brings no header for it.
extern "C" void dsyev_(const char* job, const char* half, const int* n, double* a, const int* stride,
                       double* eigenvalues, double* work, const int* work_size, int* info, unsigned long job_length,
                       unsigned long half_length);

namespace gradloom {

// 34 n is enough for LAPACK's blocks of 32 columns.
SymmetricEigen::SymmetricEigen(int64_t most) : work_(static_cast<size_t>(34 * most)) {}

bool SymmetricEigen::decompose(int64_t n, double* a, double* eigenvalues) {
  const int size = static_cast<int>(n);
  const int work_size = static_cast<int>(work_.size());
  int info = 0;
  // Columns of LAPACK's are rows of ours; a symmetric matrix is the same in both.
  dsyev_("V", "L", &size, a, &size, eigenvalues, work_.data(), &work_size, &info, 1, 1);
  return info == 0;
}

}  // namespace gradloom
