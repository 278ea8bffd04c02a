// Interactions by their definitions, in double: the oracle of the tests. Letters as in kernels/vectors/interactions.h.
#pragma once

#include <cstdint>
#include <vector>

namespace gradloom::reference {

// Of one sample: [F (F - 1) / 2].
inline std::vector<double> pair_dots(const double* x, int64_t fields, int64_t width) {
  std::vector<double> y;
  for (int64_t i = 1; i < fields; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      double dot = 0;
      for (int64_t d = 0; d < width; ++d) dot += x[i * width + d] * x[j * width + d];
      y.push_back(dot);
    }
  }
  return y;
}

inline void pair_dots_backward(const double* x, const double* dy, int64_t fields, int64_t width, double* dx) {
  for (int64_t i = 0; i < fields * width; ++i) dx[i] = 0;
  for (int64_t i = 1; i < fields; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const double g = *dy++;
      for (int64_t d = 0; d < width; ++d) {
        dx[i * width + d] += g * x[j * width + d];
        dx[j * width + d] += g * x[i * width + d];
      }
    }
  }
}

}  // namespace gradloom::reference
