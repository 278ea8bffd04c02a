// Convolution with a window of one pixel, stride 1 and no padding over images in lanes (kernels/layout/lanes.h):
// products of matrices whose long side is an image's pixels and samples (kernels/gemm/simd_gemm.h). All C channels and
// K filters of one group and one block of 16 samples; weights are [K][C] as the layer keeps them.
//   images: [C or K][pixels][16]
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/gemm/gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

struct PointwiseShape {
  int64_t channels;  // C
  int64_t filters;   // K
  int64_t pixels;
  int64_t lanes = kLanes;  // of the block, as lanes_in_use
};

// Pixels of an image for one job: those of all channels fit into L2.
Tiling pointwise_pieces(const PointwiseShape& shape);

// y[k] = activation(bias[k] + sum over c of w[k][c] x[c]) for the pixels of one piece; bias may be null. The activation
// is any that needs no other channels.
void conv2d_pointwise_forward(const PointwiseShape& shape, int64_t piece, const float* x, const float* weights,
                              const float* bias, Activation activation, float* y);

// dx[c] = sum over k of w[k][c] dz[k] for the pixels of one piece.
void conv2d_pointwise_input_gradient(const PointwiseShape& shape, int64_t piece, const float* dz, const float* weights,
                                     float* dx);

// gradient[k][c] = sum over pixels and samples of dz[k] x[c] for the first `filters` filters of dz and gradient, or
// added to it. `scratch`: pointwise_gradient_scratch floats.
int64_t pointwise_gradient_scratch(const PointwiseShape& shape);
void conv2d_pointwise_weight_gradient(const PointwiseShape& shape, int64_t filters, const float* x, const float* dz,
                                      Accumulate accumulate, float* scratch, float* gradient);

}  // namespace gradloom
