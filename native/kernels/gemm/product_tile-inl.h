// A tile of a matrix product in registers (kernels/gemm/simd_gemm.h). Included once for every target.
#if defined(GRADLOOM_PRODUCT_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_PRODUCT_TILE_INL_H_
#undef GRADLOOM_PRODUCT_TILE_INL_H_
#else
#define GRADLOOM_PRODUCT_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/activation/relu-inl.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Accumulators fill the registers: two multiply-adds start a cycle and each takes four, so at least eight must be under
// way, and every vector of b should serve several rows.
constexpr int kRowTile = 6;
#if HWY_MAX_BYTES >= 64
constexpr int kVectorTile = 4;  // 6 x 4 accumulators + 4 vectors + 1 broadcast of 32 registers
#else
constexpr int kVectorTile = 2;  // 6 x 2 + 2 + 1 of 16 registers
#endif

// Transposed, every tile of rows touches a cache line of a for each step of the sum, and two or three tiles the same
// one. Lines 2 KiB apart share few sets of L1 and are gone by then; with few columns, fetching them is most of the
// work. Then kPackedDepth steps of some rows are packed first, and longer sums are made in parts.
inline bool packs_rows(const ProductShape& shape, const MatrixOperand& a) {
  constexpr int64_t kFewColumns = 16;
  constexpr int64_t kSharingStride = 512;
  return a.transpose == Transpose::kYes && shape.columns <= kFewColumns && a.stride % kSharingStride == 0;
}

struct TileOperands {
  const float* a;
  int64_t a_row;     // floats from row to row of op(a)
  int64_t a_depth;   // floats from one step of the sum to the next
  int64_t segments;  // of the sum, each of `depth` steps
  int64_t a_segment;
  const float* b;
  int64_t b_stride;
  int64_t b_panel;    // floats from 16 columns to the next 16
  int64_t b_segment;  // floats left out behind a segment
  float* c;
  int64_t c_stride;
  int64_t c_vector = static_cast<int64_t>(hn::Lanes(D()));  // floats from vector to vector of a row
  int64_t depth;
  bool add;
  size_t rest;  // columns behind the whole vectors
  Epilogue epilogue;
};

// Of op(a) b without what moves from tile to tile: where a, b and c begin, and the depth.
inline TileOperands operands_of(const MatrixOperand& a, int64_t b_stride, int64_t c_stride) {
  const bool transposed = a.transpose == Transpose::kYes;
  TileOperands o{};
  o.a_row = transposed ? 1 : a.stride;
  o.a_depth = transposed ? a.stride : 1;
  o.segments = 1;
  o.b_stride = b_stride;
  o.b_panel = kPanelColumns;
  o.c_stride = c_stride;
  return o;
}

// The columns behind the whole vectors of a tile: none, or `rest` of a vector or of half of one. Some processors, such
// as Zen 4, multiply two halves of AVX-512's vectors in the time of a whole one.
struct NoEnd {};
using VectorEnd = D;
using HalfEnd = std::conditional_t<(HWY_MAX_BYTES >= 64), hn::Half<D>, D>;

template <class End>
constexpr bool kEnds = !std::is_same_v<End, NoEnd>;
template <class End>
using EndTag = std::conditional_t<kEnds<End>, End, D>;

template <int kRows, int kVectors, class End>
struct TileSums {
  V whole[kRows][std::max(kVectors, 1)];
  hn::Vec<EndTag<End>> end[kRows];  // of no meaning without one
};

template <int kRows, int kVectors, class End>
HWY_INLINE void finish(const Epilogue& epilogue, size_t rest, TileSums<kRows, kVectors, End>& sum) {
  const D d;
  const EndTag<End> e;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (epilogue.row_bias != nullptr) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum.whole[r][v] = hn::Add(hn::Set(d, epilogue.row_bias[r]), sum.whole[r][v]);
      if constexpr (kEnds<End>) sum.end[r] = hn::Add(hn::Set(e, epilogue.row_bias[r]), sum.end[r]);
    }
  }
  if (epilogue.column_bias != nullptr) {
    for (int v = 0; v < kVectors; ++v) {
      const V bias = hn::LoadU(d, epilogue.column_bias + v * lanes);
      for (int r = 0; r < kRows; ++r) sum.whole[r][v] = hn::Add(sum.whole[r][v], bias);
    }
    if constexpr (kEnds<End>) {
      const auto bias = load_first(e, epilogue.column_bias + kVectors * lanes, rest);
      for (auto& s : sum.end) s = hn::Add(s, bias);
    }
  }
  if (!epilogue.relu) return;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sum.whole[r][v] = relu(sum.whole[r][v]);
    if constexpr (kEnds<End>) sum.end[r] = relu(sum.end[r]);
  }
}

// kVectors whole vectors of columns, and those of End. `between(k)` is called behind the multiply-adds of step k of a
// sum, over all segments: what it does there may run beside them, on units of the processor that they leave idle.
template <int kRows, int kVectors, class End, class Between>
HWY_INLINE void product_tile(const TileOperands& o, Between&& between) {
  const D d;
  const EndTag<End> e;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  TileSums<kRows, kVectors, End> sum;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sum.whole[r][v] = hn::Zero(d);
    sum.end[r] = hn::Zero(e);
  }
  // What the sums are added to arrives while they are made.
  if (o.add) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors + kEnds<End>; ++v) hwy::Prefetch(o.c + r * o.c_stride + v * o.c_vector);
    }
  }
  const auto panel_column = [&](int v) { return v * lanes / kPanelColumns * o.b_panel + v * lanes % kPanelColumns; };
  const float* HWY_RESTRICT b = o.b;
  for (int64_t segment = 0; segment < o.segments; ++segment) {
    const float* HWY_RESTRICT a = o.a + segment * o.a_segment;
    for (int64_t k = 0; k < o.depth; ++k, a += o.a_depth, b += o.b_stride) {
      V columns[std::max(kVectors, 1)];
      for (int v = 0; v < kVectors; ++v) {
        columns[v] = hn::LoadU(d, b + panel_column(v));
        if constexpr (kRows > 1) columns[v] = in_register(columns[v]);
      }
      auto last = hn::Zero(e);
      if constexpr (kEnds<End>) last = load_first(e, b + panel_column(kVectors), o.rest);
      if constexpr (kEnds<End> && kRows > 1) last = in_register(last);
      for (int r = 0; r < kRows; ++r) {
        const V row = hn::Set(d, a[r * o.a_row]);
        for (int v = 0; v < kVectors; ++v) sum.whole[r][v] = hn::MulAdd(row, columns[v], sum.whole[r][v]);
        if constexpr (kEnds<End>) sum.end[r] = hn::MulAdd(hn::ResizeBitCast(e, row), last, sum.end[r]);
      }
      between(segment * o.depth + k);
    }
    b += o.b_segment;
  }
  const int64_t end = kVectors * o.c_vector;
  // At the end, so that the parts of a long sum meet and lose no digits.
  if (o.add) {
    for (int r = 0; r < kRows; ++r) {
      const float* const to = o.c + r * o.c_stride;
      for (int v = 0; v < kVectors; ++v) sum.whole[r][v] = hn::Add(hn::LoadU(d, to + v * o.c_vector), sum.whole[r][v]);
      if constexpr (kEnds<End>) sum.end[r] = hn::Add(load_first(e, to + end, o.rest), sum.end[r]);
    }
  }
  finish<kRows, kVectors, End>(o.epilogue, o.rest, sum);
  // The end goes by way of memory without AVX-512: its store is long there, and g++ would keep all sums in memory from
  // the first step on for a loop that it does not unroll.
  constexpr bool kByMemory = kEnds<End> && HWY_MAX_BYTES < 64;
  HWY_ALIGN float ends[kByMemory ? kRows * HWY_MAX_BYTES / sizeof(float) : 1];
  for (int r = 0; r < kRows; ++r) {
    float* const to = o.c + r * o.c_stride;
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum.whole[r][v], d, to + v * o.c_vector);
    if constexpr (kByMemory) {
      hn::Store(sum.end[r], e, ends + r * lanes);
    } else if constexpr (kEnds<End>) {
      store_first(sum.end[r], e, to + end, o.rest);
    }
  }
  if constexpr (kByMemory) {
    float* to = o.c + end;
    for (int r = 0; r < kRows; ++r, to += o.c_stride) store_first(hn::Load(e, ends + r * lanes), e, to, o.rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
