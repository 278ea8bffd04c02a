// Sums and products of values side by side: element by element, and row by row.
//   R: rows   D: floats of a row
#pragma once

#include <cstdint>

namespace gradloom {

// out[i] = a[i] + b[i] for i in [0, count). `out` may be `a` or `b`.
void sum(const float* a, const float* b, int64_t count, float* out);

// out[i] = a[i] b[i] for i in [0, count). `out` may be `a` or `b`.
void multiply(const float* a, const float* b, int64_t count, float* out);

// y[r] = sum over d of a[r, d] b[r, d], for a and b [R, D].
void dot_rows(const float* a, const float* b, int64_t rows, int64_t width, float* y);

// out[i] += factor x[i] for i in [0, count).
void add_scaled(float factor, const float* x, int64_t count, float* out);

// out[r, d] = factors[r] x[r, d], for x [R, D]. `out` may be `x`.
void scale_rows(const float* factors, const float* x, int64_t rows, int64_t width, float* out);

// Whether none is NaN or infinite.
bool all_finite(const float* values, int64_t count);

}  // namespace gradloom
