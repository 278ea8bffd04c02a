// Convolution with a 3x3 or 5x5 window and stride 1 over images in lanes (kernels/lanes.h) by Winograd's F(4x4, 3x3)
// and F(2x2, 5x5) (kernels/winograd.h): a quarter and some third of the products, between transforms of some four
// operations a coefficient. Padding needs no copy, and sizes need be no multiples of a tile's: tiles may reach over
// every edge. All C channels and K filters of one group; weights are [K][R][R][C] as the layer keeps them.
//
// Error: for inputs and weights of standard normal values and up to 256 channels at most 2^-16 times the standard
// deviation of the sum, in y as in the gradients (tested; the direct kernel makes a quarter to a half of the error). An
// infinite input makes outputs NaN.
//   C, K: channels and filters; R: 3 or 5; H, W: of the input; P, Q: of the output; T: tiles of a chunk
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/activation.h"
#include "kernels/lanes.h"
#include "kernels/max_pool_lanes.h"
#include "kernels/tiling.h"
#include "kernels/window2d.h"
#include "kernels/winograd.h"
#include "kernels/winograd_tiles.h"

namespace gradloom {

struct WinogradShape {
  WinogradForm form;
  int64_t channels;  // C
  int64_t filters;   // K
  Extent2d input;    // H, W
  Extent2d output;   // P, Q
  Extent2d dilation;
  // Output pixel (p, q) sees the input pixels from (p - top, q - left) on. What is outside of the image counts as zero;
  // negative numbers crop it.
  int64_t top;
  int64_t left;

  WinogradTiles tiles() const { return {output, dilation, form}; }
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

// Floats of the transformed filters of `shape`: [36][K][C], with some between coefficients.
int64_t winograd_filter_floats(const WinogradShape& shape);
// For the filters of one piece of `filters`.
void winograd_filters(const WinogradShape& shape, const Tiling& filters, int64_t piece, const float* weights, float* u);
// Weights for the gradient of the input, which is a convolution of the gradient of the output: flipped[c][R - 1 -
// r][R - 1 - s][k] = w[k][r][s][c], for one of the taps. `shape` is the forward one.
void winograd_flip_weights(const WinogradShape& shape, int64_t tap, const float* weights, float* flipped);

// The tiles of all blocks, one image after another, and the columns of products that they take: one for each sample of
// a block, of which the last one has 8 if no more of them are in the batch.
class TileColumns {
 public:
  TileColumns(const WinogradShape& shape, int64_t batch);

  int64_t tiles() const { return tiles_; }
  int64_t count() const { return before(tiles_); }
  int64_t of(int64_t tile) const { return tile < whole_ ? kLanes : kHalfLanes; }
  int64_t before(int64_t tile) const {
    return std::min(tile, whole_) * kLanes + std::max<int64_t>(tile - whole_, 0) * kHalfLanes;
  }
  // That which begins there.
  int64_t tile_at(int64_t column) const {
    const int64_t behind = column - whole_ * kLanes;
    return behind < 0 ? column / kLanes : whole_ + behind / kHalfLanes;
  }

 private:
  int64_t tiles_;
  int64_t whole_;
};

// ---- forward

// The columns of all tiles, cut into chunks of whole tiles.
Tiling winograd_forward_chunks(const TileColumns& columns);
int64_t winograd_forward_scratch(const WinogradShape& shape);
// Into how many filters go for `chunks` chunks, each share a job, so that threads are done soonest: a job transforms
// all channels of its chunk.
Tiling winograd_forward_filters(const WinogradShape& shape, int64_t chunks, int64_t threads);

// y[k][p][q] = activation(bias[k] + sum over c, r, s of x[c][p - top + r dilation][q - left + s dilation]
// w[k][r][s][c]) for the tiles of one chunk and the filters of one share; y is [K][P][Q][16] with y_block floats from
// block to block. bias may be null, the activation is linear or relu. `scratch`: winograd_forward_scratch floats.
// Pooled, y has the maxima of windows of 2x2 pixels that lie apart, [K][P / 2][Q / 2][16] for even P and Q and dilation
// 1, and winners, unless they are null, the numbers of the pixels (kernels/max_pool_lanes.h), with relu those of
// positive maxima alone.
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
                             const LaneImages& x, const float* u, const WinogradOutput& output, float* scratch);

// ---- gradient of the weights

// What sums of products leave: [36][C][K] with winograd_filter_floats floats, from which gradient[k][r][s][c] is made
// of the filters of one piece, whole cache lines of the sums.
Tiling winograd_gradient_pieces(const WinogradShape& shape);
void winograd_gradient_of_sums(const WinogradShape& shape, int64_t piece, float* sums, float* gradient);

// Tiles are summed chunk by chunk: transforms first, then products, which add to sums. Where there are many of them,
// chunks are dealt out to pieces with sums of their own, by the shape and the number of blocks alone. The threads that
// are left share a piece's filters and channels. Each thread transforms all that it multiplies, rather than take what
// another one has made from that one's cache. Only where the filters of a single piece are shared, and its own cache
// cannot hold the channels of a chunk, is each chunk a round, for which threads transform those of the input together.
class WinogradWeightGradient {
 public:
  WinogradWeightGradient(const WinogradShape& shape, int64_t batch, int64_t threads);

  int64_t scratch() const;         // floats of all threads together
  int64_t thread_scratch() const;  // floats of each thread

  int64_t rounds() const { return transforms_together() ? chunks_.count : 1; }
  // Of the input in a round, before its jobs.
  int64_t input_jobs() const;
  void transform_input(int64_t round, int64_t job, const LaneImages& x, float* scratch) const;
  // A piece's sums for some filters and channels.
  int64_t jobs() const { return pieces_.count * filters_.count * channels_.count; }
  void add_tiles(int64_t round, int64_t job, const LaneImages& x, const LaneImages& dz, float* scratch,
                 float* thread_scratch) const;

  // When all are done, where there are several pieces: adds their sums of one of the 36 coefficients up.
  int64_t pieces() const { return pieces_.count; }
  void add_pieces(int64_t coefficient, float* scratch) const;
  // The sums are at the beginning of the scratch at last.

 private:
  bool transforms_together() const;
  // Floats of one coefficient of a chunk.
  int64_t v_plane() const;
  int64_t m_plane() const;
  int64_t sums_floats() const;
  // Of a chunk, for some channels of the input and some filters of the gradient of the output.
  void transform_channels(int64_t chunk, int64_t first, int64_t channels, const LaneImages& x, float* v) const;
  void transform_filters(int64_t chunk, int64_t first, int64_t filters, const LaneImages& dz, float* m,
                         float* transposed) const;
  void transform_transposed(const TilePlace& place, int64_t samples, int64_t filter, int64_t filters,
                            const LaneImages& dz, float* transposed, const TileCoefficients& m) const;
  // What a job adds to its piece's sums.
  struct Share {
    int64_t filter;
    int64_t filters;
    int64_t channel;
    int64_t channels;
  };
  Share share(int64_t job) const;
  void multiply(int64_t chunk, const Share& share, const float* v, const float* m, bool begins, float* sums) const;

  int64_t columns_before(int64_t chunk) const { return columns_.before(chunks_.first(chunk)); }
  int64_t columns_of(int64_t chunk) const {
    return columns_.before(chunks_.first(chunk) + chunks_.size(chunk)) - columns_before(chunk);
  }

  // Floats from channel to channel of a chunk's v: whole vectors.
  int64_t v_row(int64_t chunk) const { return round_up(columns_of(chunk), kLanes); }

  WinogradShape shape_;
  TileColumns columns_;
  Tiling chunks_;      // of the tiles
  EvenTiling pieces_;  // of the chunks
  Tiling filters_;
  Tiling channels_;
};

}  // namespace gradloom
