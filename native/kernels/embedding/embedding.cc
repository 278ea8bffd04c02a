#include "kernels/embedding/embedding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding/embedding.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "kernels/embedding/row_columns-inl.h"
#include "kernels/vectors/elements-inl.h"
#include "kernels/vectors/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Element>
HWY_INLINE void gather(const Element* table, bool larger_than_l2, const RowShape& rows, const uint32_t* indices,
                       int64_t count, float* y, int64_t coming) {
  const auto [width, stride] = rows;
  const int64_t ahead = prefetch_distance(width * static_cast<int64_t>(sizeof(Element)));
  const int64_t prefetched = larger_than_l2 ? count + coming : 0;
  const auto copy = [&, width = width, stride = stride](int64_t e, const auto& columns) HWY_ATTR {
    const typename std::decay_t<decltype(columns)>::Floats d;
    if (e + ahead < prefetched) prefetch_columns(table + indices[e + ahead] * width, columns);
    for (int64_t v = 0; v < columns.kCount; ++v) {
      columns.store(d, columns.load(d, table + indices[e] * width, v), y + e * stride, v);
    }
  };
  // Wide rows each as a whole, as memory likes them.
  if (width > kVectors * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()))) {
    for (int64_t e = 0; e < count; ++e) {
      for_columns<kVectors>(width, [&](const auto& columns) HWY_ATTR { copy(e, columns); });
    }
    return;
  }
  for_columns<kVectors>(width, [&](const auto& columns) HWY_ATTR {
    for (int64_t e = 0; e < count; ++e) copy(e, columns);
  });
}

void GatherRows(TableElements table, const RowShape& rows, const uint32_t* indices, int64_t count, float* y,
                int64_t coming) {
  table.visit([&](const auto* elements)
                  HWY_ATTR { gather(elements, table.larger_than_l2(), rows, indices, count, y, coming); });
}

// Rows of one element, by the operations of sum_columns.
template <class Element, class Value>
HWY_INLINE void pool_scalars(int64_t padding, const SparseRows& bags, const Element* HWY_RESTRICT table,
                             bool larger_than_l2, Value value, int64_t first, int64_t count, float* HWY_RESTRICT y) {
  constexpr int64_t kAhead = 64;
  const uint32_t* HWY_RESTRICT indices = bags.indices;
  const int64_t prefetched = larger_than_l2 ? bags.entries() : 0;
  for (int64_t n = first; n < first + count; ++n) {
    float sum = 0;
    int64_t e = bags.offsets[n];
    const int64_t end = bags.offsets[n + 1];
    const auto add = [&] {
      if (indices[e] != padding) sum += value(e) * widen(table[indices[e]]);
    };
    HWY_UNROLL(4)
    for (const int64_t foreseen = HWY_MIN(end, prefetched - kAhead); e < foreseen; ++e) {
      prefetch_to_l2(table + indices[e + kAhead]);
      add();
    }
    for (; e < end; ++e) add();
    y[n] = sum;
  }
}

// The rows of entries.
template <class Element>
class BagRows {
 public:
  BagRows(int64_t padding, const SparseRows& bags, const Element* table, bool larger_than_l2, int64_t stride)
      : padding_(padding),
        indices_(bags.indices),
        table_(table),
        stride_(stride),
        prefetched_(larger_than_l2 ? bags.entries() : 0),
        ahead_(prefetch_distance(stride * static_cast<int64_t>(sizeof(Element)))) {}

  HWY_INLINE const Element* row(int64_t e) const {
    return indices_[e] == padding_ ? nullptr : table_ + indices_[e] * stride_;
  }
  // That of an entry behind `e` is on its way.
  template <class Columns>
  HWY_INLINE void prefetch(int64_t e, const Columns& columns) const {
    if (e + ahead_ < prefetched_) prefetch_columns(table_ + indices_[e + ahead_] * stride_, columns);
  }

 private:
  int64_t padding_;
  const uint32_t* indices_;
  const Element* table_;
  int64_t stride_;
  int64_t prefetched_;
  int64_t ahead_;
};

// One pass over all samples. Not a part of others, so that it has the registers to itself.
template <class Columns, class Element, class Value>
HWY_NOINLINE void pool_columns(Columns columns, const int64_t* offsets, BagRows<Element> from, Value value,
                               SampleRange samples, int64_t width, float* y) {
  const auto prefetch = [&](int64_t e) { from.prefetch(e, columns); };
  const auto row = [&](int64_t e) { return from.row(e); };
  for (int64_t n = samples.first; n < samples.first + samples.count; ++n) {
    sum_columns(columns, offsets[n], offsets[n + 1], prefetch, row, value, y + n * width);
  }
}

template <class Element>
HWY_INLINE void pool_sums(const BagRule& rule, const SparseRows& bags, const Element* table, bool larger_than_l2,
                          const RowShape& rows, int64_t first, int64_t count, float* y) {
  const auto one = [](int64_t) { return 1.0F; };
  const auto given = [values = bags.values](int64_t e) { return values[e]; };
  if (rows.stride == 1) {
    if (bags.values == nullptr) return pool_scalars(rule.padding, bags, table, larger_than_l2, one, first, count, y);
    return pool_scalars(rule.padding, bags, table, larger_than_l2, given, first, count, y);
  }
  const BagRows<Element> from(rule.padding, bags, table, larger_than_l2, rows.stride);
  for_columns<kSumVectors>(rows.width, [&](const auto& columns) HWY_ATTR {
    if (bags.values == nullptr) {
      pool_columns(columns, bags.offsets, from, one, {first, count}, rows.width, y);
    } else {
      pool_columns(columns, bags.offsets, from, given, {first, count}, rows.width, y);
    }
  });
}

void PoolSums(const BagRule& rule, const SparseRows& bags, TableElements table, const RowShape& rows, int64_t first,
              int64_t count, float* y) {
  table.visit([&](const auto* elements)
                  HWY_ATTR { pool_sums(rule, bags, elements, table.larger_than_l2(), rows, first, count, y); });
}

// y[d] = max over the entries e in [begin, end) of their rows, and winners[d] = e, the first of equal ones.
template <bool kWinners, class Columns, class Rows>
HWY_INLINE void max_columns(const Columns& columns, int64_t begin, int64_t end, const Rows& rows, float* y,
                            int32_t* winners) {
  const typename Columns::Floats d;
  const typename Columns::Entries entries;
  hn::Vec<decltype(d)> most[Columns::kCount];
  hn::Vec<typename Columns::Entries> won[Columns::kCount];
  for (auto& value : most) value = hn::Zero(d);
  for (auto& entry : won) entry = hn::Set(entries, -1);
  bool empty = true;
  for (int64_t e = begin; e < end; ++e) {
    rows.prefetch(e, columns);
    const auto* row = rows.row(e);
    if (row == nullptr) continue;
    const auto entry = hn::Set(entries, static_cast<int32_t>(e));
    const auto all = hn::FirstN(d, empty ? hn::Lanes(d) : 0);
    for (int64_t v = 0; v < Columns::kCount; ++v) {
      const auto value = columns.load(d, row, v);
      // NaN stays where it came first, and nowhere else.
      const auto wins = hn::Or(all, hn::Gt(value, most[v]));
      most[v] = hn::IfThenElse(wins, value, most[v]);
      if constexpr (kWinners) won[v] = hn::IfThenElse(hn::RebindMask(entries, wins), entry, won[v]);
    }
    empty = false;
  }
  for (int64_t v = 0; v < Columns::kCount; ++v) columns.store(d, most[v], y, v);
  if constexpr (kWinners) {
    for (int64_t v = 0; v < Columns::kCount; ++v) columns.store(entries, won[v], winners, v);
  }
}

void PoolMaxima(const BagRule& rule, const SparseRows& bags, TableElements table, const RowShape& rows, int64_t first,
                int64_t count, float* y, int32_t* winners) {
  const int64_t width = rows.width;
  table.visit([&](const auto* elements) HWY_ATTR {
    const BagRows from(rule.padding, bags, elements, table.larger_than_l2(), rows.stride);
    for_columns<kVectors / 2>(width, [&](const auto& columns) HWY_ATTR {
      for (int64_t n = first; n < first + count; ++n) {
        const int64_t begin = bags.offsets[n];
        const int64_t end = bags.offsets[n + 1];
        if (winners == nullptr) {
          max_columns<false>(columns, begin, end, from, y + n * width, nullptr);
        } else {
          max_columns<true>(columns, begin, end, from, y + n * width, winners + n * width);
        }
      }
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

namespace gradloom {

HWY_EXPORT(GatherRows);
HWY_EXPORT(PoolSums);
HWY_EXPORT(PoolMaxima);

void gather_rows(TableElements table, const RowShape& rows, const uint32_t* indices, int64_t count, float* y,
                 int64_t coming) {
  HWY_DYNAMIC_DISPATCH(GatherRows)(table, rows, indices, count, y, coming);
}

int64_t count_entries(const SparseRows& bags, int64_t sample, int64_t padding) {
  const int64_t begin = bags.offsets[sample];
  const int64_t end = bags.offsets[sample + 1];
  if (padding < 0) return end - begin;
  return std::count_if(bags.indices + begin, bags.indices + end, [=](uint32_t row) { return row != padding; });
}

void pool_rows(const BagRule& rule, const SparseRows& bags, TableElements table, const RowShape& rows, int64_t first,
               int64_t count, float* y, int32_t* winners) {
  const int64_t width = rows.width;
  if (rule.pooling == Pooling::kMax) {
    return HWY_DYNAMIC_DISPATCH(PoolMaxima)(rule, bags, table, rows, first, count, y, winners);
  }
  HWY_DYNAMIC_DISPATCH(PoolSums)(rule, bags, table, rows, first, count, y);
  if (rule.pooling == Pooling::kSum) return;
  for (int64_t n = first; n < first + count; ++n) {
    const auto entries = static_cast<float>(std::max<int64_t>(1, count_entries(bags, n, rule.padding)));
    for (int64_t i = 0; i < width; ++i) y[n * width + i] /= entries;
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
