// Convolution over images in lanes (kernels/layout/lanes.h) by Winograd's F(4, 3) and F(2, 5)
// (kernels/winograd/transforms.h): a quarter and some third of the products of 3x3 and 5x5, half and six tenths along
// one axis, between transforms of some four operations a coefficient. Other windows, and those with strides, are sums
// of 3x3 (or 1x3, 3x1). Padding needs no copy, and sizes need be no multiples of a tile's: tiles may reach over every
// edge. All C channels and K filters of one group; weights are [K][R][S][C] as the layer keeps them.
//
// Error: for inputs and weights of standard normal values and up to 200 channels of all sections at most 2^-16 times
// the standard deviation of the sum, as if all sections were whole, in y as in the gradients (tested; the direct kernel
// makes a quarter to a half of the error). An infinite input makes outputs NaN.
//   C, K: channels and filters; R, S: of the window; H, W: of the input; P, Q: of the output; T: tiles of a chunk;
//   E: coefficients of a whole tile, 36 or 6; D: channels of all sections
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/tiling.h"
#include "kernels/window2d.h"
#include "kernels/winograd/sections.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// Where the outputs of a convolution lie in an image: (p, q) at `first` + (p, q) `step`.
struct OutputPixels {
  Extent2d image;
  Extent2d first = {0, 0};
  Extent2d step = {1, 1};
};

struct WinogradShape {
  WinogradForm form;
  Extent2d window;  // R, S: of the weights
  TapLine rows;     // the taps of these that count
  TapLine columns;
  int64_t channels;  // C
  int64_t filters;   // K
  Extent2d input;    // H, W
  Extent2d output;   // P, Q
  Extent2d map;      // the same, and what a pooling leaves out: those that are there have the same bits
  Extent2d dilation;
  // Output pixel (p, q) sees the input pixels from (p rows.stride - top, q columns.stride - left) on. What is outside
  // of the image counts as zero; negative numbers crop it.
  int64_t top;
  int64_t left;
  OutputPixels y;

  WinogradTiles tiles(int64_t images = 1) const { return {map, output, dilation, form, images}; }
  WinogradSections sections() const { return {form, rows, columns, channels}; }
  int64_t all_channels() const { return sections().all_channels(); }
  int64_t taps() const { return window.height * window.width; }
};

// Operations of `images` images, two a multiply-add or sum: the products, and the transforms of inputs and outputs.
// Those of the filters, which all images share, do not count.
double winograd_flops(const WinogradShape& shape, int64_t images);
double winograd_weight_gradient_flops(const WinogradShape& shape, int64_t images);

// Images in lanes: those of one group, [blocks][images..][rows][columns][16] with `block` floats from block to block.
// With winners, which lie alike, the gradients of maxima (ArgmaxPixels): [blocks][images..][rows / 2][columns / 2][16].
struct LaneImages {
  const float* data;
  int64_t block;
  const ArgmaxTap* winners = nullptr;

  LaneImages from(int64_t floats) const {
    return {data + floats, block, winners == nullptr ? nullptr : winners + floats};
  }
};

// ---- filters

// Floats of the transformed filters of `shape`: [E][K][D], with some between coefficients.
int64_t winograd_filter_floats(const WinogradShape& shape);
// For the filters of one piece of `filters`.
void winograd_filters(const WinogradShape& shape, const Tiling& filters, int64_t piece, const float* weights, float* u);
// Weights for the gradient of the input, which is a convolution of the gradient of the output: flipped[c][R - 1 -
// r][S - 1 - s][k] = w[k][r][s][c], for one of the taps. `shape` is the forward one.
void winograd_flip_weights(const WinogradShape& shape, int64_t tap, const float* weights, float* flipped);

// Where a convolution finds its filters, those of one group.
struct WinogradFilterSource {
  enum class Form {
    kTransformed,  // by winograd_filters
    kWeights,      // of the layer: each job transforms those that it multiplies
    kToFlip,       // of the layer whose input has the gradient y, likewise: [C][R][S][K] here
  };
  Form form;
  const float* data;

  WinogradFilterSource from(int64_t floats) const { return {form, data + floats}; }
};
// Whether each job is to transform the filters that it multiplies: all of them would go through memory, for one or two
// chunks of tiles.
bool winograd_makes_filters_by_part(const WinogradShape& shape, int64_t batch);

// The tiles of all blocks, and the columns of products that they take: one for each sample of a block. The last block
// has 8 if no more of them are in the batch; then its tiles come after those of all others.
class TileColumns {
 public:
  TileColumns(const WinogradShape& shape, int64_t batch);

  int64_t tiles() const { return full_blocks_.count() + half_block_.count(); }
  TilePlace place(int64_t tile) const {
    if (tile < full_blocks_.count()) return full_blocks_.place(tile);
    TilePlace place = half_block_.place(tile - full_blocks_.count());
    place.image = last_block_;
    return place;
  }
  // Calls visit(TileRange) for those in `some` that have a coefficient (WinogradTiles): none, one or two ranges, which
  // do not follow each other.
  template <class Visit>
  void for_each_with(int64_t coefficient, const TileRange& some, Visit visit) const {
    TileRange full = full_blocks_.with_coefficient(coefficient).within(some);
    TileRange half = half_block_.with_coefficient(coefficient);
    half.first += full_blocks_.count();
    half = half.within(some);
    if (full.end() == half.first) {
      full.count += half.count;
      half.count = 0;
    }
    if (full.count > 0) visit(full);
    if (half.count > 0) visit(half);
  }

  int64_t count() const { return before(tiles()); }
  int64_t of(int64_t tile) const { return tile < full_blocks_.count() ? kLanes : kHalfLanes; }
  int64_t before(int64_t tile) const {
    return std::min(tile, full_blocks_.count()) * kLanes +
           std::max<int64_t>(tile - full_blocks_.count(), 0) * kHalfLanes;
  }
  // That which begins there.
  int64_t tile_at(int64_t column) const {
    const int64_t behind = column - full_blocks_.count() * kLanes;
    return behind < 0 ? column / kLanes : full_blocks_.count() + behind / kHalfLanes;
  }

 private:
  WinogradTiles full_blocks_;
  WinogradTiles half_block_;
  int64_t last_block_;
};

// ---- forward

// The columns of all tiles, cut into chunks of whole tiles.
Tiling winograd_forward_chunks(const TileColumns& columns);
int64_t winograd_forward_scratch(const WinogradShape& shape, WinogradFilterSource::Form form);
// Into how many filters go for `chunks` chunks, each share a job, so that threads are done soonest: a job transforms
// all channels of its chunk.
Tiling winograd_forward_filters(const WinogradShape& shape, int64_t chunks, int64_t threads,
                                WinogradFilterSource::Form form);

// y[k][p][q] = activation(bias[k] + sum over c and taps r, s of x[c][p rows.stride - top + r dilation][q columns.stride
// - left + s dilation] w[k][rows.first + r rows.step][columns.first + s columns.step][c]) for the tiles of one chunk
// and the filters of one share, at the pixels shape.y of [K][image][16] with y_block floats from block to block. bias
// may be null, the activation is linear or relu. `scratch`: winograd_forward_scratch floats. Pooled, y has the maxima
// of windows of 2x2 pixels that lie apart, [K][P / 2][Q / 2][16] for even P and Q and dilation 1, and winners, unless
// they are null, the numbers of the pixels (kernels/pooling/max_pool_lanes.h), with relu those of positive maxima
// alone.
struct WinogradOutput {
  const float* bias = nullptr;
  Activation activation;
  float* y;
  int64_t y_block = 0;
  bool pooled = false;
  ArgmaxTap* winners = nullptr;
};
// Of a filter and block.
int64_t winograd_output_floats(const WinogradShape& shape, const WinogradOutput& output);
struct WinogradJob {
  int64_t first_column;
  int64_t columns;
  int64_t first_filter;
  int64_t filters;
};
void conv2d_winograd_forward(const WinogradShape& shape, const TileColumns& columns, const WinogradJob& job,
                             const LaneImages& x, const WinogradFilterSource& filters, const WinogradOutput& output,
                             float* scratch);

}  // namespace gradloom
