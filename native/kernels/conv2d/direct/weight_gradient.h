// The gradients of weights and bias of a direct convolution (kernels/conv2d/direct/direct.h), whose letters hold here,
// too.
#pragma once

#include <cstdint>

#include "kernels/conv2d/direct/direct.h"
#include "kernels/gemm/gemm.h"
#include "kernels/tiling.h"

namespace gradloom {

// The gradient of the weights, cut into jobs over tiles of filters, some channels and, where these are few or the input
// is large beside the weights, pieces of the batch, whose gradients have to be added. A job takes some blocks of a
// piece at a time (`step`): few enough for their images to stay in L2 for all of its channels and taps, and for sums to
// lose no digits.
struct WeightGradientTiles {
  EvenTiling filters;
  EvenTiling channels;
  Tiling steps;
  EvenTiling pieces;  // of the steps

  int64_t count() const { return filters.count * channels.count * pieces.count; }
};
WeightGradientTiles direct_weight_gradient_tiles(const DirectShape& shape, int64_t blocks);
// With other tiles of filters and channels.
WeightGradientTiles cut_weight_gradient(const DirectShape& shape, int64_t blocks, const EvenTiling& filters,
                                        const EvenTiling& channels);

// gradient[k][r][s][c] = sum over samples, p, q of dz[k][p][q] x[c][p stride + r dilation][q stride + s dilation] for
// one tile of filters and one of channels, or added to it. x: [blocks][C..][H][W][16] with x_block floats from block to
// block, dz likewise, from the tile's first filter on, with rows and pixels of any distance, so that it may lie inside
// of a padded image. Sums run in a fixed order.
struct WeightGradientOperands {
  const float* x;
  int64_t x_block;
  const float* dz;
  int64_t dz_block;
  int64_t dz_channel;  // floats from filter to filter
  int64_t dz_row;      // floats from row to row
  int64_t dz_pixel;    // floats from pixel to pixel
  int64_t blocks;
  int64_t lanes = kLanes;  // of the last block, as lanes_in_use
};
struct WeightRange {
  int64_t filter;
  int64_t filters;
  int64_t channel;
  int64_t channels;
};
void conv2d_direct_weight_gradient(const DirectShape& shape, const WeightRange& range,
                                   const WeightGradientOperands& operands, Accumulate accumulate, float* gradient);

// The sum over samples and pixels of one filter's gradient: `blocks` planes of `plane` floats, `stride` floats apart.
float conv2d_bias_gradient(int64_t blocks, int64_t plane, int64_t stride, const float* dz);

}  // namespace gradloom
