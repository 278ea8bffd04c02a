// A tile of a matrix product in registers (kernels/simd_gemm.h). Included once for every target.
#if defined(GRADLOOM_PRODUCT_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_PRODUCT_TILE_INL_H_
#undef GRADLOOM_PRODUCT_TILE_INL_H_
#else
#define GRADLOOM_PRODUCT_TILE_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/in_register-inl.h"
#include "kernels/relu-inl.h"
#include "kernels/simd_gemm.h"

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
  size_t rest;  // columns of the last vector
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

template <bool kPartial>
HWY_INLINE V load_columns(const float* from, bool last, size_t rest) {
  const D d;
  return kPartial && last ? load_first(d, from, rest) : hn::LoadU(d, from);
}

template <int kRows, int kVectors, bool kPartial>
HWY_INLINE void finish(const Epilogue& epilogue, size_t rest, V (&sum)[kRows][kVectors]) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (epilogue.row_bias != nullptr) {
    for (int r = 0; r < kRows; ++r) {
      const V bias = hn::Set(d, epilogue.row_bias[r]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Add(bias, sum[r][v]);
    }
  }
  if (epilogue.column_bias != nullptr) {
    for (int v = 0; v < kVectors; ++v) {
      const V bias = load_columns<kPartial>(epilogue.column_bias + v * lanes, v == kVectors - 1, rest);
      for (int r = 0; r < kRows; ++r) sum[r][v] = hn::Add(sum[r][v], bias);
    }
  }
  if (!epilogue.relu) return;
  for (auto& row : sum) {
    for (V& s : row) s = relu(s);
  }
}

// kPartial: the last vector has `rest` columns only. `between(k)` is called behind the multiply-adds of step k of a
// sum, over all segments: what it does there may run beside them, on units of the processor that they leave idle.
template <int kRows, int kVectors, bool kPartial, class Between>
HWY_INLINE void product_tile(const TileOperands& o, Between&& between) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = hn::Zero(d);
    }
  }
  // What the sums are added to arrives while they are made.
  if (o.add) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) hwy::Prefetch(o.c + r * o.c_stride + v * o.c_vector);
    }
  }
  const float* HWY_RESTRICT b = o.b;
  for (int64_t segment = 0; segment < o.segments; ++segment) {
    const float* HWY_RESTRICT a = o.a + segment * o.a_segment;
    for (int64_t k = 0; k < o.depth; ++k, a += o.a_depth, b += o.b_stride) {
      V columns[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        const int64_t column = v * lanes;
        const float* const from = b + column / kPanelColumns * o.b_panel + column % kPanelColumns;
        columns[v] = load_columns<kPartial>(from, v == kVectors - 1, o.rest);
        if constexpr (kRows > 1) columns[v] = in_register(columns[v]);
      }
      for (int r = 0; r < kRows; ++r) {
        const V row = hn::Set(d, a[r * o.a_row]);
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(row, columns[v], sum[r][v]);
      }
      between(segment * o.depth + k);
    }
    b += o.b_segment;
  }
  // At the end, so that the parts of a long sum meet and lose no digits.
  if (o.add) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        const float* const to = o.c + r * o.c_stride + v * o.c_vector;
        sum[r][v] = hn::Add(load_columns<kPartial>(to, v == kVectors - 1, o.rest), sum[r][v]);
      }
    }
  }
  finish<kRows, kVectors, kPartial>(o.epilogue, o.rest, sum);
  // A part of a vector goes by way of memory: without AVX-512 its store is long, and g++ would keep all sums there from
  // the first step on for a loop that it does not unroll.
  constexpr bool kByMemory = kPartial && HWY_MAX_BYTES < 64;
  HWY_ALIGN float parts[kByMemory ? kRows * HWY_MAX_BYTES / sizeof(float) : 1];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      float* to = o.c + r * o.c_stride + v * o.c_vector;
      if (!kPartial || v < kVectors - 1) {
        hn::StoreU(sum[r][v], d, to);
      } else if (kByMemory) {
        hn::Store(sum[r][v], d, parts + r * lanes);
      } else {
        store_first(sum[r][v], d, to, o.rest);
      }
    }
  }
  if constexpr (kByMemory) {
    float* to = o.c + (kVectors - 1) * o.c_vector;
    for (int r = 0; r < kRows; ++r, to += o.c_stride) store_first(hn::Load(d, parts + r * lanes), d, to, o.rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
