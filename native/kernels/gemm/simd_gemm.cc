#include "kernels/gemm/simd_gemm.h"

#include <algorithm>

#include "kernels/dense/narrow.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/simd_gemm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/gemm/product_tile-inl.h"
#include "kernels/layout/transpose-inl.h"
#include "kernels/vectors/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows that are packed at a time: 32 KiB.
constexpr int64_t kPackedRows = 64;

// Narrower tiles have no issue slots to spare for a prefetch a step.
template <int kVectors, class End>
constexpr bool kPrefetches = kVectors >= 2 && !kEnds<End>;

// Without lines the loop does not ask for any.
template <int kRows, int kVectors, class End>
HWY_INLINE void tile(const TileOperands& o, const Lines& lines) {
  if constexpr (kPrefetches<kVectors, End>) {
    if (lines.count > 0) {
      return product_tile<kRows, kVectors, End>(o, [&](int64_t k) {
        if (k < lines.count) hwy::Prefetch(lines.at(k));
      });
    }
  }
  product_tile<kRows, kVectors, End>(o, [](int64_t) {});
}

// A tile of `rows`, at most kMostRows.
template <int kMostRows, int kVectors, class End>
HWY_INLINE void tile_of_rows(int64_t rows, const TileOperands& o, const Lines& lines) {
  if constexpr (kMostRows > 1) {
    if (rows < kMostRows) return tile_of_rows<kMostRows - 1, kVectors, End>(rows, o, lines);
  }
  tile<kMostRows, kVectors, End>(o, lines);
}

template <int kVectors, class End>
void all_rows(TileOperands o, int64_t rows, PrefetchQueue& ahead) {
  // Six sums of one vector would wait for each other. Nearly equal tiles instead of full ones and a thin rest.
  constexpr int kMostRows = kVectors + kEnds<End> == 1 ? 2 * kRowTile : kRowTile;
  const int64_t tiles = (rows + kMostRows - 1) / kMostRows;
  for (int64_t t = 0, row = 0; t < tiles; ++t) {
    const int64_t count = (t + 1) * rows / tiles - row;
    const Lines lines = kPrefetches<kVectors, End> ? ahead.take(o.segments * o.depth) : Lines();
    tile_of_rows<kMostRows, kVectors, End>(count, o, lines);
    o.a += count * o.a_row;
    o.c += count * o.c_stride;
    row += count;
  }
}

// The fewest whole vectors of a tile.
template <class End>
constexpr int kLeastVectors = kEnds<End> ? 0 : 1;

// Calls with the end that `rest` columns need.
template <class Body>
HWY_INLINE void with_end(size_t rest, Body body) {
  if (rest == 0) return body(NoEnd());
  if constexpr (!std::is_same_v<HalfEnd, VectorEnd>) {
    if (rest <= hn::Lanes(HalfEnd())) return body(HalfEnd());
  }
  body(VectorEnd());
}

// Of `vectors` whole ones, at most kVectors.
template <int kVectors, class End>
void all_rows(const TileOperands& o, int64_t rows, int64_t vectors, PrefetchQueue& ahead) {
  if constexpr (kVectors > kLeastVectors<End>) {
    if (vectors < kVectors) return all_rows<kVectors - 1, End>(o, rows, vectors, ahead);
  }
  all_rows<kVectors, End>(o, rows, ahead);
}

// With 16 registers one or two rows have too few sums to hide the latency of a multiply-add, so they take four or two
// times the columns.
constexpr bool kNarrowTiles = kVectorTile == 2;
template <int kRows, int kVectors, class End>
void few_rows(const TileOperands& o, int64_t vectors, PrefetchQueue& ahead) {
  if constexpr (kVectors > kLeastVectors<End>) {
    if (vectors < kVectors) return few_rows<kRows, kVectors - 1, End>(o, vectors, ahead);
  }
  tile<kRows, kVectors, End>(o, kPrefetches<kVectors, End> ? ahead.take(o.segments * o.depth) : Lines());
}

template <class End>
HWY_NOINLINE void few_rows(const TileOperands& o, int64_t rows, int64_t vectors, PrefetchQueue& ahead) {
  rows == 1 ? few_rows<1, 4 * kVectorTile - kEnds<End>, End>(o, vectors, ahead)
            : few_rows<2, 2 * kVectorTile - kEnds<End>, End>(o, vectors, ahead);
}

// All columns, for the rows and the part of the sum that `o` begins at.
void all_columns(TileOperands o, int64_t rows, int64_t columns, PrefetchQueue& ahead) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const float* const b = o.b;
  float* const c = o.c;
  const float* const column_bias = o.epilogue.column_bias;
  const bool few = kNarrowTiles && (rows == 1 || rows == 2);
  const int64_t most = (!few ? 1 : rows == 1 ? 4 : 2) * kVectorTile * lanes;
  for (int64_t column = 0; column < columns; column += most) {
    const int64_t width = std::min(most, columns - column);
    o.b = b + column / kPanelColumns * o.b_panel + column % kPanelColumns;
    o.c = c + column;
    if (column_bias != nullptr) o.epilogue.column_bias = column_bias + column;
    o.rest = static_cast<size_t>(width % lanes);
    const int64_t vectors = width / lanes;
    with_end(o.rest, [&](auto end) HWY_ATTR {
      using End = decltype(end);
      if constexpr (kNarrowTiles) {
        if (few) return few_rows<End>(o, rows, vectors, ahead);
      }
      all_rows<kVectorTile - kEnds<End>, End>(o, rows, vectors, ahead);
    });
  }
}

// All rows, of which some at a time are first packed.
HWY_NOINLINE void packed_rows(TileOperands o, int64_t rows, int64_t columns, PrefetchQueue& ahead) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float packed[kPackedDepth * kPackedRows];
  const float* const a = o.a;
  const int64_t a_depth = o.a_depth;
  float* const c = o.c;
  o.a = packed;
  o.a_depth = kPackedRows;
  for (int64_t row = 0; row < rows; row += kPackedRows) {
    const int64_t count = std::min(kPackedRows, rows - row);
    for (int64_t k = 0; k < o.depth; ++k) {
      const float* HWY_RESTRICT from = a + k * a_depth + row;
      float* HWY_RESTRICT to = packed + k * kPackedRows;
      int64_t r = 0;
      for (; r + lanes <= count; r += lanes) hn::Store(hn::LoadU(d, from + r), d, to + r);
      if (r < count) hn::Store(load_first(d, from + r, static_cast<size_t>(count - r)), d, to + r);
    }
    o.c = c + row * o.c_stride;
    all_columns(o, count, columns, ahead);
  }
}

// A product of one column fills one lane of a tile's vectors. Here elements of a fill them all: along the sum where
// they lie side by side, or rows of c where the matrix is transposed.
void single_column(const ProductShape& shape, const MatrixOperand& a, const float* b, bool add, float* c,
                   int64_t c_stride) {
  for (int64_t r = 0; r < shape.rows; ++r) {
    const float sum = dot(b, a.data + r * a.stride, shape.depth);
    c[r * c_stride] = add ? sum + c[r * c_stride] : sum;
  }
}

// kVectors vectors of rows of c, by rows of what a is transposed from.
template <int kVectors>
HWY_INLINE void transposed_vectors(const TileOperands& o) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kVectors];
  for (auto& s : sum) s = hn::Zero(d);
  const float* HWY_RESTRICT a = o.a;
  for (int64_t k = 0; k < o.depth; ++k, a += o.a_depth) {
    const V factor = hn::Set(d, o.b[k]);
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::MulAdd(hn::LoadU(d, a + v * lanes), factor, sum[v]);
  }
  for (int v = 0; v < kVectors; ++v) {
    float* to = o.c + v * lanes;
    hn::StoreU(o.add ? hn::Add(sum[v], hn::LoadU(d, to)) : sum[v], d, to);
  }
}

// Those rows of c that make whole vectors; returns how many they are.
HWY_NOINLINE int64_t transposed_column(TileOperands o, int64_t rows) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t done = 0;
  const auto advance = [&](int64_t vectors) {
    done += vectors * lanes;
    o.a += vectors * lanes;
    o.c += vectors * lanes;
  };
  while (done + 8 * lanes <= rows) {
    transposed_vectors<8>(o);
    advance(8);
  }
  while (done + 2 * lanes <= rows) {
    transposed_vectors<2>(o);
    advance(2);
  }
  while (done + lanes <= rows) {
    transposed_vectors<1>(o);
    advance(1);
  }
  return done;
}

template <bool kPartial>
HWY_INLINE V load_columns(const float* from, bool last, size_t rest) {
  const D d;
  return kPartial && last ? load_first(d, from, rest) : hn::LoadU(d, from);
}

// One row of one or two vectors is bound by the latency of multiply-adds. Up to four blocks of kDepthBlock steps are
// summed side by side, and added in the order of the blocked loop: the same bits.
template <int kBlocks, int kVectors, bool kPartial>
HWY_INLINE void thin_blocks(const TileOperands& o, int64_t depth) {
  if constexpr (kBlocks > 1) {
    if (depth <= (kBlocks - 1) * kDepthBlock) return thin_blocks<kBlocks - 1, kVectors, kPartial>(o, depth);
  }
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kBlocks][kVectors];
  for (auto& block : sum) {
    for (auto& s : block) s = hn::Zero(d);
  }
  const float* HWY_RESTRICT a = o.a;
  const float* HWY_RESTRICT b = o.b;
  const int64_t block_b = kDepthBlock * o.b_stride;
  const auto load = [&](const float* from, int v) HWY_ATTR {
    const int64_t column = v * lanes;
    return load_columns<kPartial>(from + column / kPanelColumns * o.b_panel + column % kPanelColumns, v == kVectors - 1,
                                  o.rest);
  };
  const int64_t of_last = depth - (kBlocks - 1) * kDepthBlock;
  for (int64_t k = 0; k < of_last; ++k, ++a, b += o.b_stride) {
    for (int i = 0; i < kBlocks; ++i) {
      const V factor = hn::Set(d, a[i * kDepthBlock]);
      for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(factor, load(b + i * block_b, v), sum[i][v]);
    }
  }
  for (int64_t k = of_last; kBlocks > 1 && k < kDepthBlock; ++k, ++a, b += o.b_stride) {
    for (int i = 0; i + 1 < kBlocks; ++i) {
      const V factor = hn::Set(d, a[i * kDepthBlock]);
      for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(factor, load(b + i * block_b, v), sum[i][v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    float* const to = o.c + v * lanes;
    const bool last = v == kVectors - 1;
    V total = o.add ? hn::Add(sum[0][v], load_columns<kPartial>(to, last, o.rest)) : sum[0][v];
    for (int block = 1; block < kBlocks; ++block) total = hn::Add(sum[block][v], total);
    if (kPartial && last) {
      store_first(total, d, to, o.rest);
    } else {
      hn::StoreU(total, d, to);
    }
  }
}

template <int kVectors>
HWY_NOINLINE void thin_product(TileOperands o, int64_t depth) {
  constexpr int kBlocks = 4;
  for (int64_t k = 0; k < depth; k += kBlocks * kDepthBlock) {
    const int64_t steps = std::min(kBlocks * kDepthBlock, depth - k);
    o.rest == 0 ? thin_blocks<kBlocks, kVectors, false>(o, steps) : thin_blocks<kBlocks, kVectors, true>(o, steps);
    o.a += steps;
    o.b += steps * o.b_stride;
    o.add = true;
  }
}

void Product(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, int64_t b_panel,
             Accumulate accumulate, float* c, int64_t c_stride, Upcoming upcoming) {
  const bool transposed = a.transpose == Transpose::kYes;
  // Short sums keep the order that narrow dense layers have in lanes, for batches of any size.
  const bool single = shape.columns == 1 && b.stride == 1;
  if (single && !transposed && shape.depth > kMostNarrowFeatures)
    return single_column(shape, a, b.data, accumulate == Accumulate::kAdd, c, c_stride);
  const bool packs = packs_rows(shape, a);
  const int64_t depth_block = packs ? kPackedDepth : kDepthBlock;
  PrefetchQueue ahead(upcoming);
  TileOperands o = operands_of(a, b.stride, c_stride);
  o.b_panel = b_panel;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  if (shape.rows == 1 && !transposed && shape.depth > kDepthBlock && shape.columns <= 2 * lanes) {
    o.a = a.data;
    o.b = b.data;
    o.c = c;
    o.add = accumulate == Accumulate::kAdd;
    o.rest = static_cast<size_t>(shape.columns % lanes);
    return shape.columns > lanes ? thin_product<2>(o, shape.depth) : thin_product<1>(o, shape.depth);
  }
  for (int64_t k = 0; k == 0 || k < shape.depth; k += depth_block) {
    o.depth = std::min(depth_block, shape.depth - k);
    o.add = k > 0 || accumulate == Accumulate::kAdd;
    o.a = a.data + k * o.a_depth;
    o.b = b.data + k * b.stride;
    o.c = c;
    const int64_t done = single && transposed && c_stride == 1 ? transposed_column(o, shape.rows) : 0;
    o.a += done;
    o.c += done;
    const int64_t rows = shape.rows - done;
    packs ? packed_rows(o, rows, shape.columns, ahead) : all_columns(o, rows, shape.columns, ahead);
  }
}

void WindowProduct(int64_t rows, int64_t columns, const ImageWindows& a, const ColumnPanels& b, Accumulate accumulate,
                   float* c, int64_t c_stride, const Epilogue& epilogue) {
  TileOperands o{};
  o.a = a.data;
  o.a_row = a.stride;
  o.a_depth = 1;
  o.segments = a.segments;
  o.a_segment = a.segment;
  o.b = b.data;
  o.b_stride = b.row;
  o.b_panel = b.panel;
  o.c = c;
  o.c_stride = c_stride;
  o.depth = a.length;
  o.add = accumulate == Accumulate::kAdd;
  o.epilogue = epilogue;
  PrefetchQueue ahead({});
  all_columns(o, rows, columns, ahead);
}

void PixelProduct(int64_t rows, int64_t columns, const ImagePixels& a, const ImagePixels& b, Accumulate accumulate,
                  float* c, int64_t c_stride) {
  TileOperands o{};
  o.a = a.data;
  o.a_row = 1;
  o.a_depth = a.stride;
  o.segments = b.rows;
  o.a_segment = a.row;
  o.b = b.data;
  o.b_stride = b.stride;
  o.b_panel = kPanelColumns;
  o.b_segment = b.row - b.pixels * b.stride;
  o.c = c;
  o.c_stride = c_stride;
  o.depth = b.pixels;
  o.add = accumulate == Accumulate::kAdd;
  PrefetchQueue ahead({});
  all_columns(o, rows, columns, ahead);
}

void SegmentedProduct(const ProductShape& shape, int64_t segments, const SegmentedRows& a, const SegmentedPanels& b,
                      Accumulate accumulate, float* c, int64_t c_stride, Upcoming upcoming) {
  TileOperands o{};
  o.a = a.data;
  o.a_row = a.stride;
  o.a_depth = 1;
  o.segments = segments;
  o.a_segment = a.segment;
  o.b = b.data;
  o.b_stride = kPanelColumns;
  o.b_panel = b.panel;
  o.b_segment = b.segment - shape.depth * kPanelColumns;
  o.c = c;
  o.c_stride = c_stride;
  o.depth = shape.depth;
  o.add = accumulate == Accumulate::kAdd;
  PrefetchQueue ahead(upcoming);
  all_columns(o, shape.rows, shape.columns, ahead);
}

int64_t TileColumns() { return kVectorTile * static_cast<int64_t>(hn::Lanes(D())); }

void TransposeMatrix(int64_t rows, int64_t columns, const float* source, int64_t source_stride, float* target,
                     int64_t target_stride) {
  transpose_matrix(rows, columns, source, source_stride, target, target_stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Product);
HWY_EXPORT(WindowProduct);
HWY_EXPORT(PixelProduct);
HWY_EXPORT(SegmentedProduct);
HWY_EXPORT(TileColumns);
HWY_EXPORT(TransposeMatrix);

void simd_gemm(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, Accumulate accumulate,
               float* c, int64_t c_stride, Upcoming upcoming) {
  if (shape.rows == 0 || shape.columns == 0) return;
  HWY_DYNAMIC_DISPATCH(Product)(shape, a, b, kPanelColumns, accumulate, c, c_stride, upcoming);
}

void simd_gemm_panels(const ProductShape& shape, const MatrixOperand& a, const ColumnPanels& b, Accumulate accumulate,
                      float* c, int64_t c_stride, Upcoming upcoming) {
  if (shape.rows == 0 || shape.columns == 0) return;
  HWY_DYNAMIC_DISPATCH(Product)(shape, a, {b.data, b.row}, b.panel, accumulate, c, c_stride, upcoming);
}

void simd_gemm_windows(int64_t rows, int64_t columns, const ImageWindows& a, const ColumnPanels& b,
                       Accumulate accumulate, float* c, int64_t c_stride, const Epilogue& epilogue) {
  HWY_DYNAMIC_DISPATCH(WindowProduct)(rows, columns, a, b, accumulate, c, c_stride, epilogue);
}

void simd_gemm_pixels(int64_t rows, int64_t columns, const ImagePixels& a, const ImagePixels& b, Accumulate accumulate,
                      float* c, int64_t c_stride) {
  HWY_DYNAMIC_DISPATCH(PixelProduct)(rows, columns, a, b, accumulate, c, c_stride);
}

void simd_gemm_segments(const ProductShape& shape, int64_t segments, const SegmentedRows& a, const SegmentedPanels& b,
                        Accumulate accumulate, float* c, int64_t c_stride, Upcoming upcoming) {
  HWY_DYNAMIC_DISPATCH(SegmentedProduct)(shape, segments, a, b, accumulate, c, c_stride, upcoming);
}

int64_t simd_gemm_tile_columns() { return HWY_DYNAMIC_DISPATCH(TileColumns)(); }

void transpose(int64_t rows, int64_t columns, const float* source, int64_t source_stride, float* target,
               int64_t target_stride) {
  HWY_DYNAMIC_DISPATCH(TransposeMatrix)(rows, columns, source, source_stride, target, target_stride);
}

}  // namespace gradloom
#endif  // HWY_ONCE
