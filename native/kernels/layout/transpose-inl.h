// Transposition in registers. Included once for every target.
#if defined(GRADLOOM_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_TRANSPOSE_INL_H_
#undef GRADLOOM_TRANSPOSE_INL_H_
#else
#define GRADLOOM_TRANSPOSE_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// The side of the squares that fill the registers.
constexpr int kTransposeSide = HWY_MAX_BYTES >= 64 ? 16 : HWY_MAX_BYTES >= 32 ? 8 : 4;

// All of these set target[c * target_stride + r] to column c of row r of a source, at any address.

// Four vectors whose blocks of four lanes become 4x4 matrices that are transposed, each for itself.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE void transpose_in_blocks(D d, V (&rows)[4]) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V even_low = hn::InterleaveLower(d, rows[0], rows[2]);
  const V even_high = hn::InterleaveUpper(d, rows[0], rows[2]);
  const V odd_low = hn::InterleaveLower(d, rows[1], rows[3]);
  const V odd_high = hn::InterleaveUpper(d, rows[1], rows[3]);
  rows[0] = hn::InterleaveLower(d, even_low, odd_low);
  rows[1] = hn::InterleaveUpper(d, even_low, odd_low);
  rows[2] = hn::InterleaveLower(d, even_high, odd_high);
  rows[3] = hn::InterleaveUpper(d, even_high, odd_high);
}

// A square of kSide rows and columns: as many as a vector has lanes, where that is more than four. Row r is load(r),
// and store(c, column) gets column c.
template <int kSide, class Load, class Store>
HWY_INLINE void transpose_vectors(Load load, Store store) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, kSide> d;
  using V = hn::Vec<decltype(d)>;
  V rows[kSide / 4][4];
  for (int r = 0; r < kSide; ++r) rows[r / 4][r % 4] = load(r);
  for (int group = 0; group < kSide / 4; ++group) transpose_in_blocks(d, rows[group]);
  // Block b of rows[group][i] now holds column 4 b + i of four rows: what is left is to transpose the matrix of blocks.
  for (int i = 0; i < 4; ++i) {
    if constexpr (kSide == 4) {
      store(i, rows[0][i]);
    } else if constexpr (kSide == 8) {
      store(i, hn::ConcatLowerLower(d, rows[1][i], rows[0][i]));
      store(i + 4, hn::ConcatUpperUpper(d, rows[1][i], rows[0][i]));
    } else {
      const V even_01 = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(rows[1][i]), rows[0][i]);
      const V odd_01 = hn::OddEvenBlocks(rows[1][i], hn::SwapAdjacentBlocks(rows[0][i]));
      const V even_23 = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(rows[3][i]), rows[2][i]);
      const V odd_23 = hn::OddEvenBlocks(rows[3][i], hn::SwapAdjacentBlocks(rows[2][i]));
      store(i, hn::ConcatLowerLower(d, even_23, even_01));
      store(i + 4, hn::ConcatLowerLower(d, odd_23, odd_01));
      store(i + 8, hn::ConcatUpperUpper(d, even_23, even_01));
      store(i + 12, hn::ConcatUpperUpper(d, odd_23, odd_01));
    }
  }
}

// The same in memory: row r is read at row(r), and column c written to column(c).
template <int kSide, class Row, class Column>
HWY_INLINE void transpose_square(Row row, Column column) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, kSide> d;
  transpose_vectors<kSide>([&](int r) HWY_ATTR { return hn::LoadU(d, row(r)); },
                           [&](int c, hn::Vec<decltype(d)> values) HWY_ATTR { hn::StoreU(values, d, column(c)); });
}

// Sources: row(r) is where row r begins, and from(r, c) the part that begins at a row and column. The rows of one lie
// at equal distances, those of the other anywhere, each from `column` on.
struct StridedRows {
  const float* HWY_RESTRICT first;
  int64_t stride;

  HWY_INLINE const float* row(int64_t r) const { return first + r * stride; }
  HWY_INLINE StridedRows from(int64_t r, int64_t c) const { return {first + r * stride + c, stride}; }
};
struct ListedRows {
  const float* const* rows;
  int64_t column;

  HWY_INLINE const float* row(int64_t r) const { return rows[r] + column; }
  HWY_INLINE ListedRows from(int64_t r, int64_t c) const { return {rows + r, column + c}; }
};

// Squares of kSide as far as they go; calls itself for what is left at the right and below.
template <int kSide, class Source>
HWY_INLINE void transpose_by(int64_t rows, int64_t columns, const Source& source, float* HWY_RESTRICT target,
                             int64_t target_stride) {
  const int64_t whole_rows = rows / kSide * kSide;
  const int64_t whole_columns = columns / kSide * kSide;
  for (int64_t r = 0; r < whole_rows; r += kSide) {
    for (int64_t c = 0; c < whole_columns; c += kSide) {
      const Source from = source.from(r, c);
      float* to = target + c * target_stride + r;
      if constexpr (kSide == 1) {
        *to = *from.row(0);
      } else {
        transpose_square<kSide>([&](int i) { return from.row(i); }, [&](int i) { return to + i * target_stride; });
      }
    }
  }
  if constexpr (kSide > 1) {
    constexpr int kSmaller = kSide > 4 ? 4 : 1;
    transpose_by<kSmaller>(whole_rows, columns - whole_columns, source.from(0, whole_columns),
                           target + whole_columns * target_stride, target_stride);
    transpose_by<kSmaller>(rows - whole_rows, columns, source.from(whole_rows, 0), target + whole_rows, target_stride);
  }
}

// A matrix of rows x columns.
HWY_INLINE void transpose_matrix(int64_t rows, int64_t columns, const float* HWY_RESTRICT source, int64_t source_stride,
                                 float* HWY_RESTRICT target, int64_t target_stride) {
  transpose_by<kTransposeSide>(rows, columns, StridedRows{source, source_stride}, target, target_stride);
}

// The same for rows that lie anywhere.
HWY_INLINE void transpose_rows(int64_t rows, int64_t columns, const ListedRows& source, float* HWY_RESTRICT target,
                               int64_t target_stride) {
  transpose_by<kTransposeSide>(rows, columns, source, target, target_stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
