// Eigenvalues and eigenvectors of symmetric matrices, by LAPACK's dsyev as OpenBLAS brings it.
#pragma once

#include <cstdint>
#include <vector>

namespace gradloom {

class SymmetricEigen {
 public:
  // For matrices of up to `most` rows; allocates, `decompose` does not.
  explicit SymmetricEigen(int64_t most);

  // a[n, n], symmetric, becomes its orthonormal eigenvectors, one a row, by ascending eigenvalues[n]. False where
  // LAPACK finds none, which a matrix that is not finite does.
  bool decompose(int64_t n, double* a, double* eigenvalues);

 private:
  std::vector<double> work_;
};

}  // namespace gradloom
