// Products of a dense layer of few inputs and few units, with the batch in the SIMD lanes (kernels/layout/lanes.h) on
// both of its sides. A row of such a layer is a part of a vector; sixteen samples of a feature are whole ones.
//   x, dx [B][C][P][16]   weight [I][U]   y, dz [B][U][16]   B: blocks of samples   U: units
// I = P C inputs: the pixels P and channels C of an image that was flattened (input p C + c is vector c P + p), or one
// pixel. What lanes beyond the batch hold in x counts for nothing where dz is 0.
// Single-threaded; the order of sums depends on the shape alone.
#pragma once

#include "kernels/dense/lanes.h"

namespace gradloom {

// Of inputs and of units.
inline constexpr int64_t kMostNarrowFeatures = 16;

// y[u, n] = bias[u] + sum over i of weight[i, u] x[i, n]; bias may be null.
void dense_narrow_forward(const DenseLanesShape& shape, int64_t blocks, const float* x, const float* weight,
                          const float* bias, float* y);

// dx[i, n] = sum over u of weight[i, u] dz[u, n].
void dense_narrow_input_gradient(const DenseLanesShape& shape, int64_t blocks, const float* weight, const float* dz,
                                 float* dx);

// gradient[i - first, u] = sum over n of x[i, n] dz[u, n] for `count` inputs from `first` on.
void dense_narrow_weight_gradient(const DenseLanesShape& shape, int64_t blocks, const float* x, const float* dz,
                                  int64_t first, int64_t count, float* gradient);

// gradient[u] = sum over n of dz[u, n].
void dense_narrow_bias_gradient(int64_t units, int64_t blocks, const float* dz, float* gradient);

}  // namespace gradloom
