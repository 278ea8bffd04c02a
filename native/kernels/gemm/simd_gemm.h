// A matrix product for operands that need no packing: elements of a are broadcast, rows of b are vectors. It reads both
// where they lie, so it suits weights kept in panels (layers/dense/dense.h), and beats BLAS there, which packs both
// operands at every call. Single-threaded; the order of sums depends on the shape alone.
#pragma once

#include "common/prefetch.h"
#include "kernels/gemm/gemm.h"

namespace gradloom {

// Terms of a sum that are made in registers, before they are added to those before: 1,024 x 64 floats of b are 256 KiB,
// which L2 holds while all rows of a pass over them.
inline constexpr int64_t kDepthBlock = 1024;
// The same where few columns meet rows of a that are packed.
inline constexpr int64_t kPackedDepth = 128;

// As gemm (kernels/gemm/gemm.h), for b that is not transposed. Best when b and c have up to 64 columns close together.
// Beside the multiply-adds `upcoming`, which others read soon, is prefetched into L1, a line with each step of a tile's
// sum: worth it for what comes from beyond L2.
void simd_gemm(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, Accumulate accumulate,
               float* c, int64_t c_stride, Upcoming upcoming = {});

// Columns of c in a tile of it: rows of a are read once for so many.
int64_t simd_gemm_tile_columns();

// What a product gets on its way out of the registers.
struct Epilogue {
  const float* row_bias = nullptr;  // one for each row of c; none where it is null
  const float* column_bias = nullptr;
  bool relu = false;
};

// c = op(a) b, with the epilogue, for b whose rows lie far apart, as the channels of images in lanes do: then lines of
// one column share few sets of L1, so some columns are packed before all rows of c read them. Columns must be a
// multiple of 16, of which the first `live` count, 16 or 8: the others of c become 0, or what those of b give.
void simd_gemm_packing(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, int64_t live,
                       const Epilogue& epilogue, float* c, int64_t c_stride);

// A matrix in panels of 16 columns, each with its rows side by side unless `row` says otherwise: element (k, j) at
// data[j / 16 * panel + k * row + j % 16].
inline constexpr int64_t kPanelColumns = 16;
struct ColumnPanels {
  const float* data;
  int64_t panel;  // floats from panel to panel
  int64_t row = kPanelColumns;
};
void simd_gemm_panels(const ProductShape& shape, const MatrixOperand& a, const ColumnPanels& b, Accumulate accumulate,
                      float* c, int64_t c_stride, Upcoming upcoming = {});

// A deferred product c = op(a) b, rows of c side by side. An optimizer may make it tile by tile between its updates,
// and then writes no c.
struct DueProduct {
  ProductShape shape;
  MatrixOperand a;
  MatrixOperand b;
  float* c;
  Upcoming upcoming = {};

  void make() const { simd_gemm(shape, a, b, Accumulate::kOverwrite, c, shape.columns, upcoming); }
};

// The windows of a row of an image's pixels, channels last, as the rows of a matrix whose columns come in stretches
// that lie side by side in the image: a[r, s * length + i] = data[r * stride + s * segment + i].
struct ImageWindows {
  const float* data;
  int64_t stride;    // floats from window to window
  int64_t segments;  // stretches of a window
  int64_t segment;   // from stretch to stretch
  int64_t length;    // of one
};

// c[r, j] = sum over k of a[r, k] b[k, j], or added, with the epilogue: a convolution without im2col. b is
// [segments * length, columns], in panels.
void simd_gemm_windows(int64_t rows, int64_t columns, const ImageWindows& a, const ColumnPanels& b,
                       Accumulate accumulate, float* c, int64_t c_stride, const Epilogue& epilogue = {});

// c = a b, or added, with sums over `segments` stretches of shape.depth steps each. The steps of a lie side by side,
// and `segment` floats are from stretch to stretch; b is in panels of 16 columns, as ColumnPanels, likewise. Prefetches
// `upcoming` as simd_gemm does.
struct SegmentedRows {
  const float* data;
  int64_t stride;  // floats from row to row
  int64_t segment;
};
struct SegmentedPanels {
  const float* data;
  int64_t panel;  // floats from panel to panel
  int64_t segment;
};
void simd_gemm_segments(const ProductShape& shape, int64_t segments, const SegmentedRows& a, const SegmentedPanels& b,
                        Accumulate accumulate, float* c, int64_t c_stride, Upcoming upcoming = {});

// Some pixels of every row of an image, channels last, as the rows of a matrix.
struct ImagePixels {
  const float* data;
  int64_t stride;  // floats from pixel to pixel
  int64_t pixels;  // of a row
  int64_t rows;
  int64_t row;  // floats from row to row
};

// c[i, j] = sum over p of a[p, i] b[p, j], or added, for all pixels p of two images of the same extent: what a tap of a
// convolution adds to the gradient of its weights.
void simd_gemm_pixels(int64_t rows, int64_t columns, const ImagePixels& a, const ImagePixels& b, Accumulate accumulate,
                      float* c, int64_t c_stride);

// target[c, r] = source[r, c] for a [rows, columns] matrix.
void transpose(int64_t rows, int64_t columns, const float* source, int64_t source_stride, float* target,
               int64_t target_stride);

}  // namespace gradloom
