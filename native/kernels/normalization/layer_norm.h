// Layer normalisation of rows of `columns` values, side by side. u: a row minus its mean, over the square root of its
// variance (1/columns) plus epsilon. Sums are made in double.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"

namespace gradloom {

// What normalised a row: kept from the forward pass for the backward pass.
struct RowMoments {
  float mean;
  float inverse_deviation;  // 1 / sqrt(variance + epsilon)
};

// One value a column, either null for ones and zeros.
struct ColumnAffine {
  const float* weight;
  const float* bias;
};

// The moments of each row.
void row_moments(int64_t rows, int64_t columns, double epsilon, const float* x, RowMoments* moments);

// y[r, c] = u[r, c] weight[c] + bias[c]; y must not overlap x.
void layer_norm(int64_t rows, int64_t columns, const RowMoments* moments, const ColumnAffine& affine, const float* x,
                float* y);

// With du = dy weight: dx[r, c] = inverse_deviation[r] (du[r, c] - mean over c of du - u[r, c] mean over c of du u). dx
// must not overlap x and dy; weight may be null.
void layer_norm_backward(int64_t rows, int64_t columns, const RowMoments* moments, const float* weight, const float* x,
                         const float* dy, float* dx);

// weight[c] = sum over r of dy[r, c] u[r, c], bias[c] = sum over r of dy[r, c], over a block of some columns of rows.
struct ColumnSums {
  double* weight;
  double* bias;
};
void layer_norm_parameter_sums(const RowBlock& block, const RowMoments* moments, const float* x, const float* dy,
                               const ColumnSums& sums);

}  // namespace gradloom
