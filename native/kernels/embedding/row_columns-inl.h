// The columns of a table's rows, some vectors at a time, and sums of rows over them. Included once for every target.
#if defined(GRADLOOM_ROW_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_ROW_COLUMNS_INL_H_
#undef GRADLOOM_ROW_COLUMNS_INL_H_
#else
#define GRADLOOM_ROW_COLUMNS_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "common/checked.h"
#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "kernels/vectors/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of a row that are in registers at once; a wider row is read in several passes over the entries.
constexpr int64_t kVectors = 8;
// The same for sums, which take half of the registers there are.
constexpr int64_t kSumVectors = HWY_MAX_BYTES >= 64 ? 16 : kVectors;

// Columns [first, end) of rows in kCount vectors of `Floats`. The last one begins where it ends at `end`, so that a
// width that is no multiple of the lanes takes no parts of vectors, which wait for what lies behind a row; columns that
// two of them have are made twice, alike.
template <class FloatsOfVector, int64_t kVectorCount>
struct VectorColumns {
  using Floats = FloatsOfVector;
  using Entries = hn::RebindToSigned<Floats>;
  static constexpr int64_t kCount = kVectorCount;
  int64_t first;
  int64_t end;

  static HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(Floats())); }
  HWY_INLINE int64_t at(int64_t v) const { return v + 1 < kCount ? first + v * lanes() : end - lanes(); }
  template <class D, class T>
  HWY_INLINE hn::Vec<D> load(D d, const T* row, int64_t v) const {
    return load_elements(d, row + at(v));
  }
  template <class D>
  HWY_INLINE void store(D d, hn::Vec<D> values, hn::TFromD<D>* row, int64_t v) const {
    hn::StoreU(values, d, row + at(v));
  }
};

// The lines of a row's columns are on their way; always as many, so that there is no branch.
template <class Element, class Columns>
HWY_INLINE void prefetch_columns(const Element* row, const Columns& columns) {
  constexpr int64_t kLine = 64;
  constexpr auto kVectorBytes = static_cast<int64_t>(hn::MaxLanes(typename Columns::Floats()) * sizeof(Element));
  constexpr int64_t kApart = std::max<int64_t>(1, kLine / kVectorBytes);
  for (int64_t v = 0; v < Columns::kCount; v += kApart) prefetch_to_l2(row + columns.at(v));
  prefetch_to_l2(row + columns.end - 1);
}

// Calls pass(columns) for [first, end), of no more than kMost vectors and no less than one.
template <class Floats, int64_t kMost, class Pass>
HWY_INLINE void pass_over(int64_t first, int64_t end, Pass pass) {
  using All = VectorColumns<Floats, kMost>;
  if constexpr (kMost > 1) {
    if (end - first <= (kMost - 1) * All::lanes()) return pass_over<Floats, kMost - 1>(first, end, pass);
  }
  pass(All{first, end});
}

// Calls pass(columns) until all columns have had their turn, kMost vectors at once; of rows narrower than a vector, in
// one or two vectors of fewer lanes.
template <int64_t kMost, class Pass>
HWY_INLINE void for_columns(int64_t width, Pass pass) {
  using Floats = hn::ScalableTag<float>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  if (width < lanes) {
    if (width >= 8) return pass_over<hn::CappedTag<float, 8>, 2>(0, width, pass);
    if (width >= 4) return pass_over<hn::CappedTag<float, 4>, 2>(0, width, pass);
    if (width >= 2) return pass_over<hn::CappedTag<float, 2>, 2>(0, width, pass);
    return pass_over<hn::CappedTag<float, 1>, 1>(0, width, pass);
  }
  // Passes of about the same length.
  const int64_t passes = ceil_divide(width, kMost * lanes);
  const int64_t step = passes == 1 ? width : round_up(ceil_divide(width, passes), lanes);
  for (int64_t first = 0; first < width; first += step) {
    pass_over<Floats, kMost>(first, HWY_MIN(width, first + step), pass);
  }
}

// total[d] = sum over k in [begin, end) of factor(k) row(k)[d], for the columns d; row(k) null is left out. prefetch(k)
// comes before. Products are not fused with sums, so that all processors give the same bits.
template <class Columns, class Prefetch, class Row, class Factor>
HWY_INLINE void sum_columns(const Columns& columns, int64_t begin, int64_t end, Prefetch prefetch, Row row,
                            Factor factor, float* total) {
  const typename Columns::Floats d;
  hn::Vec<decltype(d)> sums[Columns::kCount];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (int64_t k = begin; k < end; ++k) {
    prefetch(k);
    const auto* from = row(k);
    if (from == nullptr) continue;
    const auto by = hn::Set(d, factor(k));
    for (int64_t v = 0; v < Columns::kCount; ++v) {
      sums[v] = hn::Add(sums[v], hn::Mul(by, columns.load(d, from, v)));
    }
  }
  for (int64_t v = 0; v < Columns::kCount; ++v) columns.store(d, sums[v], total, v);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
