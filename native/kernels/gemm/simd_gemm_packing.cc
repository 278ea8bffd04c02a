// simd_gemm_packing: products with a matrix whose rows lie far apart.
#include <algorithm>

#include "kernels/gemm/simd_gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/simd_gemm_packing.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "hwy/cache_control.h"
#include "kernels/gemm/product_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile of `rows`, at most kMostRows, whose lines in c are on their way while it is made.
template <int kMostRows, int kVectors>
HWY_INLINE void packing_tile(int64_t rows, const TileOperands& o) {
  if constexpr (kMostRows > 1) {
    if (rows < kMostRows) return packing_tile<kMostRows - 1, kVectors>(rows, o);
  }
  for (int r = 0; r < kMostRows; ++r) {
    for (int v = 0; v < kVectors; ++v) prefetch_to_write(o.c + r * o.c_stride + v * o.c_vector);
  }
  product_tile<kMostRows, kVectors, NoEnd>(o, [](int64_t) {});
}

// All rows for one panel of packed columns; `ahead(share)` prefetches what is packed next, up to this share of it in
// rows.
template <class Ahead>
void packing_rows(TileOperands o, int64_t rows, int64_t vectors, Ahead&& ahead) {
  const int64_t tiles = (rows + kRowTile - 1) / kRowTile;
  for (int64_t t = 0, row = 0; t < tiles; ++t) {
    const int64_t count = (t + 1) * rows / tiles - row;
    ahead(row + count);
    switch (vectors) {
      case 1: packing_tile<kRowTile, 1>(count, o); break;
      case 2: packing_tile<kRowTile, 2>(count, o); break;
      case 3: packing_tile<kRowTile, std::min(3, kVectorTile)>(count, o); break;
      default: packing_tile<kRowTile, kVectorTile>(count, o); break;
    }
    o.a += count * o.a_row;
    o.c += count * o.c_stride;
    if (o.epilogue.row_bias != nullptr) o.epilogue.row_bias += count;
    row += count;
  }
}

// Of blocks of 16 columns the first `live`, side by side: all, or half of them.
struct LiveColumns {
  int64_t live;

  int64_t count(int64_t columns) const { return columns / kPanelColumns * live; }
  // Floats before one of them.
  int64_t at(int64_t column) const { return column + (live < kPanelColumns ? column & -live : 0); }
};

// Zeroes the columns beside `width` live ones.
HWY_INLINE void clear_beside(const LiveColumns& columns, int64_t rows, int64_t width, float* c, int64_t c_stride) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t row = 0; row < rows; ++row, c += c_stride) {
    for (int64_t block = 0; block < columns.at(width); block += kPanelColumns) {
      for (int64_t i = columns.live; i < kPanelColumns; i += lanes) hn::StoreU(hn::Zero(d), d, c + block + i);
    }
  }
}

void FarProduct(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, int64_t live,
                const Epilogue& epilogue, float* c, int64_t c_stride) {
  constexpr int64_t kDepth = 256;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t most = kVectorTile * lanes;
  // Where a tile of vectors is one block's live columns, or each vector is one's.
  const LiveColumns columns{most == live || lanes == live ? live : kPanelColumns};
  const int64_t count = columns.count(shape.columns);
  HWY_ALIGN float packed[kDepth * kVectorTile * hn::MaxLanes(D())];
  TileOperands o = operands_of(a, most, c_stride);
  o.b = packed;
  o.c_vector = columns.at(lanes);
  for (int64_t column = 0; column < count; column += most) {
    const int64_t width = std::min(most, count - column);
    const int64_t vectors = width / lanes;
    for (int64_t k = 0; k == 0 || k < shape.depth; k += kDepth) {
      o.depth = std::min(kDepth, shape.depth - k);
      for (int64_t row = 0; row < o.depth; ++row) {
        const float* from = b.data + (k + row) * b.stride + columns.at(column);
        float* const to = packed + row * most;
        for (int64_t v = 0; v < vectors; ++v) hn::Store(hn::LoadU(d, from + v * o.c_vector), d, to + v * lanes);
      }
      o.a = a.data + k * o.a_depth;
      o.add = k > 0;
      o.c = c + columns.at(column);
      const bool ends = k + kDepth >= shape.depth;
      const float* next =
          ends ? b.data + columns.at(column + most) : b.data + (k + kDepth) * b.stride + columns.at(column);
      int64_t prefetched = 0;
      o.epilogue = {.row_bias = k == 0 ? epilogue.row_bias : nullptr, .relu = ends && epilogue.relu};
      packing_rows(o, shape.rows, vectors, [&](int64_t rows) HWY_ATTR {
        for (; prefetched * shape.rows < o.depth * rows; ++prefetched, next += b.stride) {
          for (int64_t v = 0; v < kVectorTile; ++v) hwy::Prefetch(next + v * o.c_vector);
        }
      });
    }
    if (columns.live < kPanelColumns) clear_beside(columns, shape.rows, width, c + columns.at(column), c_stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(FarProduct);

void simd_gemm_packing(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, int64_t live,
                       const Epilogue& epilogue, float* c, int64_t c_stride) {
  HWY_DYNAMIC_DISPATCH(FarProduct)(shape, a, b, live, epilogue, c, c_stride);
}

}  // namespace gradloom
#endif  // HWY_ONCE
