// The gradient of a direct convolution's weights (kernels/conv2d/direct/weight_gradient.h) from that of the maxima of
// 2x2 pixels of its output (kernels/pooling/max_pool_lanes.h), whose letters hold here, too. Of four pixels one has a
// gradient, so that each lane takes the inputs that this one met and multiplies no zeros.
#pragma once

#include <cstdint>

#include "kernels/conv2d/direct/direct.h"
#include "kernels/conv2d/direct/weight_gradient.h"
#include "kernels/gemm/gemm.h"
#include "kernels/pooling/max_pool_lanes.h"

namespace gradloom {

// For windows of two to seven columns, side by side and in steps of one, and processors with vectors of a whole block.
bool argmax_gradient_fits(const DirectShape& shape);

WeightGradientTiles argmax_gradient_tiles(const DirectShape& shape, int64_t blocks);
// Multiply-adds and choices for a sample, two each, which is what a multiply-add counts.
double argmax_gradient_flops(const DirectShape& shape);
// Floats that a job needs for itself.
int64_t argmax_gradient_scratch(const DirectShape& shape);

// gradient[k][r][s][c] = sum over samples and maxima m of dy[k][m] x[c][p + r][q + s], (p, q) being the pixel that won
// m, and bias[k] = sum of dy[k][m], for one tile of filters and one of channels, or added to them; m without a winner
// count 0. P and Q are even. x: [blocks][C..][H][W][16] with x_block floats from block to block; dy and winners:
// [blocks][K..][P / 2][Q / 2][16], dy_block from block to block, from the tile's first filter on. bias, from there on,
// too, may be null. Sums run in a fixed order.
struct ArgmaxGradientOperands {
  const float* x;
  int64_t x_block;
  const float* dy;
  const ArgmaxTap* winners;
  int64_t dy_block;
  int64_t blocks;
};
void conv2d_argmax_gradient(const DirectShape& shape, const WeightRange& range, const ArgmaxGradientOperands& operands,
                            Accumulate accumulate, float* scratch, float* gradient, float* bias);

}  // namespace gradloom
