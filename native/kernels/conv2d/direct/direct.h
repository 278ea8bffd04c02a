// Direct convolution over images in lanes (kernels/layout/lanes.h): no im2col, every load aligned. The images are
// padded copies, so that no tap falls outside. Weights are [K][R][S][C] as the layer keeps them; all C channels and K
// filters of one group.
//   C, K: channels and filters; R, S: height and width of the window; H, W: of the padded input; P, Q: of the output
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/conv2d/input_phase.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/tiling.h"
#include "kernels/window2d.h"

namespace gradloom {

struct DirectShape {
  int64_t channels;  // C
  int64_t filters;   // K
  Extent2d input;    // H, W; H >= (P - 1) stride + (R - 1) dilation + 1, W likewise
  Extent2d output;   // P, Q
  Extent2d window;   // R, S
  Extent2d stride;
  Extent2d dilation;
  // Rows and columns of zeros at the edges of the input: taps on them are left out where all pixels of a tile meet
  // them, those on columns in the forward pass alone. Negative numbers count as 0.
  struct Zeros {
    int64_t above = 0;
    int64_t below = 0;
    int64_t left = 0;
    int64_t right = 0;
  };
  Zeros zeros = {};
  int64_t lanes = kLanes;  // of a block, as lanes_in_use

  int64_t taps() const { return window.height * window.width; }

  // That of `count` rows of the output from `first` on, for an input that begins where the first one's window does.
  DirectShape rows(int64_t first, int64_t count) const {
    DirectShape part = *this;
    part.output.height = count;
    part.zeros.above -= first * stride.height;
    part.zeros.below += first * stride.height;
    return part;
  }
};

// The filters of a convolution cut into tiles that fit the registers. How many there are depends on the processor.
EvenTiling direct_filter_tiles(int64_t filters);
// Whether a block takes half of the time on every processor where its second half, which holds no samples, is left out.
// Of vectors that hold a whole block it does on some.
bool direct_leaves_half_out();
// Rows of the output whose input all tiles of filters should read from L2 before that of the next rows, in about
// `fewest` bands or more.
Tiling direct_bands(const DirectShape& shape, int64_t fewest);

// The part of tile `tile` of packed[tile][c][r][s][k] = w[k][r][s][c], which is K C R S floats in all.
void pack_filters(const DirectShape& shape, int64_t tile, const float* weights, float* packed);
// For the gradient of the input, a convolution of the padded gradient of the output with some taps of the layer's
// flipped window (kernels/conv2d/input_phase.h): `shape` is that convolution's, whose channels are the forward filters.
// packed[tile][k][r][s][c] = w[k][last.height - r step.height][last.width - s step.width][c].
void pack_flipped_filters(const DirectShape& shape, const FlippedTaps& taps, int64_t tile, const float* weights,
                          float* packed);

// Where the output goes, of a tile's first filter: floats from filter to filter, row to row and pixel to pixel.
struct DirectOutput {
  float* data;
  int64_t filter;
  int64_t row;
  int64_t pixel;
};

inline DirectOutput whole_planes(float* data, const Extent2d& extent) {
  return {data, plane_floats(extent), extent.width * kLanes, kLanes};
}

// y[k][p][q] = activation(bias[k] + sum over c, r, s of x[c][p stride + r dilation][q stride + s dilation]
// w[k][r][s][c]) for the filters of one tile and one block of 16 samples. x: [C][H][W][16]; bias, of all filters, may
// be null. The activation is linear or relu.
void conv2d_direct_forward(const DirectShape& shape, int64_t tile, const float* x, const float* packed,
                           const float* bias, Activation activation, const DirectOutput& y);

// The same, of which the maxima of windows of 2x2 pixels that lie apart are kept, and their winners by the rules of
// kernels/pooling/max_pool_lanes.h, with relu those of positive maxima alone. For even P and Q, and
// processors with registers for it alone.
struct DirectMaxima {
  float* data;         // [P / 2][Q / 2][16] of a tile's first filter
  ArgmaxTap* winners;  // the same; may be null
  int64_t filter;      // from filter to filter
};
bool direct_takes_maxima();
void conv2d_direct_forward_maxima(const DirectShape& shape, int64_t tile, const float* x, const float* packed,
                                  const float* bias, Activation activation, const DirectMaxima& y);

}  // namespace gradloom
