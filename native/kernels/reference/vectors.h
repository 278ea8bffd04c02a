// Sums and products by their definitions, in double: the oracle of the tests.
#pragma once

#include <cstdint>

namespace gradloom::reference {

inline void sum(const double* a, const double* b, int64_t count, double* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

inline void multiply(const double* a, const double* b, int64_t count, double* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = a[i] * b[i];
}

inline void dot_rows(const double* a, const double* b, int64_t rows, int64_t width, double* y) {
  for (int64_t r = 0; r < rows; ++r) {
    y[r] = 0;
    for (int64_t d = 0; d < width; ++d) y[r] += a[r * width + d] * b[r * width + d];
  }
}

inline void add_scaled(double factor, const double* x, int64_t count, double* out) {
  for (int64_t i = 0; i < count; ++i) out[i] += factor * x[i];
}

inline void scale_rows(const double* factors, const double* x, int64_t rows, int64_t width, double* out) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t d = 0; d < width; ++d) out[r * width + d] = factors[r] * x[r * width + d];
  }
}

}  // namespace gradloom::reference
