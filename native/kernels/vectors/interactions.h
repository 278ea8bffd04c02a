// How the vectors of one sample go together, two by two.
//   F: vectors   D: floats of one   x: [F, D]
#pragma once

#include <cstdint>

namespace gradloom {

// y[i (i - 1) / 2 + j] = sum over d of x[i, d] x[j, d], for j < i < F: the lower triangle, row by row.
void pair_dots(const float* x, int64_t fields, int64_t width, float* y);
// dx[i] = sum over j of dy of the pair times x[j], in order of j. `dx` is overwritten.
void pair_dots_backward(const float* x, const float* dy, int64_t fields, int64_t width, float* dx);

// The sum over all pairs of their scalar products, each vector times the sum of those before it, so that nothing
// cancels. `sums`: [D], overwritten by the sum of all vectors.
float sum_pair_dots(const float* x, int64_t fields, int64_t width, float* sums);
// dx[i, d] = dy (sums[d] - x[i, d]).
void sum_pair_dots_backward(const float* x, const float* sums, float dy, int64_t fields, int64_t width, float* dx);

}  // namespace gradloom
