// The transforms of Winograd's minimal filtering (A. Lavin and S. Gray, CVPR 2016): a tile of a convolution from 6x6
// inputs by 36 products a channel and filter. F(4x4, 3x3) makes 4x4 outputs of a 3x3 window, which take 144 products
// otherwise, F(2x2, 5x5) 2x2 outputs of a 5x5 window, which take 100:
//   Y = A^T (U . V) A,   U = G w G^T,   V = B^T x B,   . coefficient by coefficient, summed over channels.
// The gradient of the weights is the adjoint of that: G^T (V . (A dY A^T)) G, summed over tiles and samples.
// Windows of one row or column have one axis of it alone: F(4, 3) takes 6 products for 12, F(2, 5) 6 for 10.
//
// The matrices interpolate at 0, +-5/8, +-3/2 and infinity. All powers of those points are exact in float, and rounding
// errors are a quarter (largest) to a half (mean) of those of the usual 0, +-1, +-2, at the same number of operations.
//
// Everything is elementwise over SIMD lanes: over the samples of a block or over channels.
//   C, K: channels and filters; E: coefficients of a whole tile, e of them that of row i and column j
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/window2d.h"

namespace gradloom {

// Floats from a plane of coefficients to the next: sizes are often powers of two, and planes would all fall on the same
// cache sets without a gap.
constexpr int64_t winograd_plane(int64_t floats) { return floats + 80; }

// Along one axis: F(m, r) makes m outputs of a window of r pixels, and there is nothing to transform where that is 1.
// F(4, 3) and F(2, 5) interpolate at the same points, so that they differ in neither the transform of inputs nor in the
// products. At the edge of an image F(4, 3) may have fewer outputs left: those take m + 2 points alone, some of the
// same ones, so that the transformed filters are those of whole tiles. The rows of G that belong to them would have
// other factors; B^T has these instead. (Of F(2, 5) five points of six save less than what the tiles apart cost.)
enum class WinogradAxis { kNone, kF43, kF33, kF23, kF13, kF25 };

// Pixels of a window, of a tile of outputs, and of the inputs of a tile, which are as many as its points.
constexpr int64_t window_of(WinogradAxis axis) {
  using enum WinogradAxis;
  return axis == kNone ? 1 : axis == kF25 ? 5 : 3;
}
constexpr int64_t tile_of(WinogradAxis axis) {
  using enum WinogradAxis;
  switch (axis) {
    case kF43: return 4;
    case kF33: return 3;
    case kF23:
    case kF25: return 2;
    default: return 1;
  }
}
constexpr int64_t points_of(WinogradAxis axis) { return window_of(axis) + tile_of(axis) - 1; }

// Of a whole tile's six points, in the order 0, a, -a, b, -b, infinity, that which is number `index` of an axis: the
// first ones and, last, infinity.
inline constexpr int64_t kWinogradPoints = 6;
constexpr int64_t point_of(WinogradAxis axis, int64_t index) {
  return axis != WinogradAxis::kNone && index + 1 == points_of(axis) ? kWinogradPoints - 1 : index;
}
constexpr bool has_point(WinogradAxis axis, int64_t point) {
  return point < points_of(axis) - 1 || point == point_of(axis, points_of(axis) - 1);
}
// For so many outputs that are left of tiles of `axis`.
constexpr WinogradAxis edge_of(WinogradAxis axis, int64_t outputs) {
  using enum WinogradAxis;
  if (axis != kF43) return axis;
  return outputs == 3 ? kF33 : outputs == 2 ? kF23 : kF13;
}

// Both axes alike, or one of them alone; of a tile at an edge smaller ones.
struct WinogradForm {
  WinogradAxis height;
  WinogradAxis width;

  static const WinogradForm kF4x3;
  static const WinogradForm kF2x5;

  bool operator==(const WinogradForm&) const = default;
  constexpr Extent2d window() const { return {window_of(height), window_of(width)}; }
  constexpr Extent2d tile() const { return {tile_of(height), tile_of(width)}; }
  constexpr int64_t taps() const { return window_of(height) * window_of(width); }
  constexpr int64_t tile_pixels() const { return tile_of(height) * tile_of(width); }
  // Its products, of a channel and filter.
  constexpr int64_t coefficients() const { return points_of(height) * points_of(width); }
  // Where that of two points is among those of a whole tile.
  constexpr int64_t coefficient(int64_t of_height, int64_t of_width) const {
    return of_height * (width == WinogradAxis::kNone ? 1 : kWinogradPoints) + of_width;
  }
  // And the other way round.
  constexpr int64_t height_point(int64_t coefficient) const {
    return width == WinogradAxis::kNone ? coefficient : coefficient / kWinogradPoints;
  }
  constexpr int64_t width_point(int64_t coefficient) const {
    return width == WinogradAxis::kNone ? 0 : coefficient % kWinogradPoints;
  }
  constexpr bool square() const { return height == width; }
  // Whether either axis takes it.
  constexpr bool has(WinogradAxis axis) const { return height == axis || width == axis; }
};
inline constexpr WinogradForm WinogradForm::kF4x3{WinogradAxis::kF43, WinogradAxis::kF43};
inline constexpr WinogradForm WinogradForm::kF2x5{WinogradAxis::kF25, WinogradAxis::kF25};
inline constexpr int64_t kMostWinogradTaps = WinogradForm::kF2x5.taps();

// Multiply-adds, products and sums of the transforms below, of a vector: of a tile, and of inputs those of each column
// of a strip and then of each of its tiles.
struct WinogradSteps {
  int64_t input_column;
  int64_t input_tile;
  int64_t output;
  int64_t output_gradient;
};
WinogradSteps winograd_steps(WinogradForm form);

// Pixels that hold vectors of 16 floats each. In lanes a vector is a channel of 16 samples, in rows 16 channels of one.
struct ImageVectors {
  Extent2d image;  // H, W
  int64_t pixel;   // floats from pixel to pixel: 16 in lanes, C in rows
  int64_t vector;  // from one vector of a pixel to the next: H W 16 in lanes, 16 in rows
};

// Where a tile lies: its first pixel, which may lie outside of the image, as may those that follow, `step` rows and
// columns apart. Pixels outside count as zero when they are read and are not written. Inputs and gradients of outputs
// are transformed for several tiles side by side, each a tile's columns of outputs to the right of the one before.
struct ImageTile {
  ImageVectors vectors;
  int64_t row;
  int64_t column;
  int64_t count = 1;  // at most kMostStripTiles
  Extent2d step = {1, 1};
  WinogradForm form = WinogradForm::kF4x3;
  // Of a vector, those that count: 16, or the first 8, which then take the room of 8 alone among coefficients. What is
  // written to pixels has values without meaning, but finite ones for finite coefficients, in the others.
  int64_t lanes = kLanes;
  // Of a vector of outputs in rows, those that are written, fewer than 16 where other channels follow or none. Its bias
  // has as many.
  int64_t written = kLanes;
};
inline constexpr int64_t kMostStripTiles = 4;

// The coefficients of tiles, by their numbers in a whole one: coefficient e of vector i and tile t at data[e *
// coefficient + i * vector + t * tile].
struct TileCoefficients {
  float* data;
  int64_t coefficient;
  int64_t vector;
  int64_t tile = 0;
};

// v = B^T x B for the pixels at `tile` of `vectors` vectors.
void winograd_transform_input(const ImageTile& tile, int64_t vectors, const float* x, const TileCoefficients& v);

// The gradient of the maxima of windows of 2x2 pixels of an image of even H and W: each is that of the pixel that won
// (kernels/pooling/max_pool_lanes.h), all other pixels count as zero. A tile of them has the vectors of the maxima, an
// image of H / 2 and W / 2 pixels, but a row and column of the pixels, and a step of 1.
struct ArgmaxPixels {
  const float* dy;
  const ArgmaxTap* winners;
};
void winograd_transform_input(const ImageTile& tile, int64_t vectors, const ArgmaxPixels& x, const TileCoefficients& v);

// A bias for each vector (in lanes), or for each of its floats (in rows); null for none.
enum class BiasOf { kVector, kFloat };
struct TileBias {
  const float* data;
  BiasOf of;
};

// y = activation(A^T m A + bias) at the pixels of `tile`. The activation is linear or relu.
void winograd_transform_output(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                               Activation activation, float* y);

// The same, and of it the maxima of the windows of 2x2 pixels with their winners (may be null), by the rules of
// kernels/pooling/max_pool_lanes.h; with relu, of positive maxima alone. `tile` has the vectors of the maxima,
// the row and column of its first maximum (not of a pixel, as for ArgmaxPixels), and a step of 1.
void winograd_transform_output_pooled(const ImageTile& tile, int64_t vectors, const TileCoefficients& m,
                                      const TileBias& bias, Activation activation, float* y, ArgmaxTap* winners);

// m = A dy A^T for the pixels at `tile`.
void winograd_transform_output_gradient(const ImageTile& tile, int64_t vectors, const float* dy,
                                        const TileCoefficients& m);
void winograd_transform_output_gradient(const ImageTile& tile, int64_t vectors, const ArgmaxPixels& dy,
                                        const TileCoefficients& m);

// Matrices: element (i, j) of number p at data[p * plane + i * row + j].
template <class Float>
struct WeightPlanes {
  Float* data;
  int64_t plane;
  int64_t row;
};
// Matrices for the taps of a window: element (i, j) of tap (r, s) at data[r * tap_row + s * tap + i * row + j].
template <class Float>
struct WeightTaps {
  Float* data;
  int64_t tap_row;
  int64_t tap;
  int64_t row;
  Extent2d taps;  // no more than the form's; those that are missing count as zero
};
// For every element of `rows` x `columns`: of a matrix for each tap E, G w G^T.
void winograd_transform_filters(WinogradForm form, int64_t rows, int64_t columns, const WeightTaps<const float>& w,
                                const WeightPlanes<float>& u);
// The adjoint: of E a matrix for each tap, G^T u G.
void winograd_transform_filter_gradient(WinogradForm form, int64_t rows, int64_t columns,
                                        const WeightPlanes<const float>& u, const WeightTaps<float>& gradient);

}  // namespace gradloom
