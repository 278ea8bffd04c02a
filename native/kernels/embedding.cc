#include "kernels/embedding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/elements-inl.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns of a row that are summed in registers at once; a wider row is read in several passes over the entries, whose
// numbers are in cache by then.
constexpr int64_t kVectors = 4;

// A row a few entries ahead is on its way while this one is summed. Beyond 8 lines the hardware follows by itself.
template <class Element>
HWY_INLINE void prefetch_row(const Element* row, int64_t width) {
  constexpr int64_t kPerLine = 64 / sizeof(Element);
  const int64_t end = HWY_MIN(width, 8 * kPerLine);
  for (int64_t i = 0; i < end; i += kPerLine) hwy::Prefetch(row + i);
}

// total[d] of the columns [column, column + N lanes) = sum over k in [begin, end) of factor(k) row(k)[d].
template <int64_t N, class Row, class Factor>
HWY_INLINE void sum_columns(int64_t column, int64_t begin, int64_t end, Row row, Factor factor, float* total) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> sums[N];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (int64_t k = begin; k < end; ++k) {
    const auto* from = row(k);
    if (from == nullptr) continue;
    const auto by = hn::Set(d, factor(k));
    for (int64_t v = 0; v < N; ++v) {
      sums[v] = hn::Add(sums[v], hn::Mul(by, load_elements(d, from + column + v * lanes)));
    }
  }
  for (int64_t v = 0; v < N; ++v) hn::StoreU(sums[v], d, total + column + v * lanes);
}

// Products are not fused with sums, so that vectors and single floats, and all processors, give the same bits.
template <class Row, class Factor>
HWY_INLINE void sum_rows(int64_t width, int64_t begin, int64_t end, Row row, Factor factor, float* total) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t column = 0;
  for (; column + kVectors * lanes <= width; column += kVectors * lanes) {
    sum_columns<kVectors>(column, begin, end, row, factor, total);
  }
  for (; column + lanes <= width; column += lanes) sum_columns<1>(column, begin, end, row, factor, total);
  if (column == width) return;
  if (width - column == 1) {
    float sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      const auto* from = row(k);
      if (from != nullptr) sum += factor(k) * widen(from[column]);
    }
    total[column] = sum;
    return;
  }
  const auto rest = static_cast<size_t>(width - column);
  auto sum = hn::Zero(d);
  for (int64_t k = begin; k < end; ++k) {
    const auto* from = row(k);
    if (from == nullptr) continue;
    sum = hn::Add(sum, hn::Mul(hn::Set(d, factor(k)), load_elements(d, from + column, rest)));
  }
  hn::StoreN(sum, d, total + column, rest);
}

template <class Element>
HWY_INLINE void gather(const Element* table, int64_t width, const uint32_t* indices, int64_t count, float* y) {
  constexpr int64_t kAhead = 16;
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t e = 0; e < count; ++e) {
    if (e + kAhead < count) prefetch_row(table + indices[e + kAhead] * width, width);
    const Element* from = table + indices[e] * width;
    float* to = y + e * width;
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) hn::StoreU(load_elements(d, from + i), d, to + i);
    for (; i < width; ++i) to[i] = widen(from[i]);
  }
}

void GatherRows(TableElements table, int64_t width, const uint32_t* indices, int64_t count, float* y) {
  table.visit([&](const auto* elements) { gather(elements, width, indices, count, y); });
}

// Rows of one element, by the operations of sum_rows.
template <class Element, class Value>
HWY_INLINE void pool_scalars(int64_t padding, const SparseRows& bags, const Element* HWY_RESTRICT table, Value value,
                             int64_t first, int64_t count, float* HWY_RESTRICT y) {
  constexpr int64_t kAhead = 16;
  const uint32_t* HWY_RESTRICT indices = bags.indices;
  const int64_t last = bags.offsets[first + count];
  for (int64_t n = first; n < first + count; ++n) {
    float sum = 0;
    int64_t e = bags.offsets[n];
    const int64_t end = bags.offsets[n + 1];
    const auto add = [&] {
      if (indices[e] != padding) sum += value(e) * widen(table[indices[e]]);
    };
    for (const int64_t foreseen = HWY_MIN(end, last - kAhead); e < foreseen; ++e) {
      hwy::Prefetch(table + indices[e + kAhead]);
      add();
    }
    for (; e < end; ++e) add();
    y[n] = sum;
  }
}

template <class Element>
HWY_INLINE void pool_sums(const BagRule& rule, const SparseRows& bags, const Element* table, const RowShape& rows,
                          int64_t first, int64_t count, float* y) {
  const auto [width, stride] = rows;
  const auto one = [](int64_t) { return 1.0F; };
  const auto given = [&](int64_t e) { return bags.values[e]; };
  if (stride == 1) {
    if (bags.values == nullptr) return pool_scalars(rule.padding, bags, table, one, first, count, y);
    return pool_scalars(rule.padding, bags, table, given, first, count, y);
  }
  constexpr int64_t kAhead = 8;
  const int64_t last = bags.offsets[first + count];
  const auto row = [&, width = width, stride = stride](int64_t e) -> const Element* {
    if (e + kAhead < last) prefetch_row(table + bags.indices[e + kAhead] * stride, width);
    return bags.indices[e] == rule.padding ? nullptr : table + bags.indices[e] * stride;
  };
  for (int64_t n = first; n < first + count; ++n) {
    const int64_t begin = bags.offsets[n];
    const int64_t end = bags.offsets[n + 1];
    float* to = y + n * width;
    if (bags.values == nullptr) {
      sum_rows(width, begin, end, row, one, to);
    } else {
      sum_rows(width, begin, end, row, given, to);
    }
  }
}

void PoolSums(const BagRule& rule, const SparseRows& bags, TableElements table, const RowShape& rows, int64_t first,
              int64_t count, float* y) {
  table.visit([&](const auto* elements) { pool_sums(rule, bags, elements, rows, first, count, y); });
}

// `factor` of an entry.
template <class Factor>
HWY_INLINE void sum_groups(const GroupRange& range, const uint32_t* from, Factor factor, const float* dy, int64_t width,
                           float* gradients) {
  const uint64_t* keys = range.groups.keys;
  const auto row = [&](int64_t k) {
    const uint32_t e = RowGroups::entry(keys[k]);
    return dy + (from == nullptr ? e : from[e]) * width;
  };
  const auto by = [&](int64_t k) { return factor(RowGroups::entry(keys[k])); };
  for (int64_t g = 0; g < range.count; ++g) {
    const int64_t begin = range.groups.starts[range.first + g];
    const int64_t end = range.groups.starts[range.first + g + 1];
    sum_rows(width, begin, end, row, by, gradients + g * width);
  }
}

// The same for rows of one float, most of them of one entry: by the operations of sum_rows.
template <class Factor>
HWY_INLINE void sum_scalar_groups(const GroupRange& range, const uint32_t* HWY_RESTRICT from, Factor factor,
                                  const float* HWY_RESTRICT dy, float* HWY_RESTRICT gradients) {
  const uint64_t* HWY_RESTRICT keys = range.groups.keys;
  const int64_t* HWY_RESTRICT starts = range.groups.starts + range.first;
  int64_t k = starts[0];
  for (int64_t g = 0; g < range.count; ++g) {
    const int64_t end = starts[g + 1];
    float sum = 0;
    for (; k < end; ++k) {
      const uint32_t e = RowGroups::entry(keys[k]);
      sum += factor(e) * dy[from == nullptr ? e : from[e]];
    }
    gradients[g] = sum;
  }
}

void SumGroupGradients(const GroupRange& range, const EntryTerms& terms, const float* dy, int64_t width,
                       float* gradients) {
  const float* factors = terms.factors;
  const auto one = [](uint32_t) { return 1.0F; };
  const auto factor = [=](uint32_t e) { return factors[e]; };
  if (width == 1) {
    if (factors == nullptr) {
      sum_scalar_groups(range, terms.from, one, dy, gradients);
    } else {
      sum_scalar_groups(range, terms.from, factor, dy, gradients);
    }
  } else if (factors == nullptr) {
    sum_groups(range, terms.from, one, dy, width, gradients);
  } else {
    sum_groups(range, terms.from, factor, dy, width, gradients);
  }
}

void EntryGradients(const EntryRange& range, const EntryTerms& terms, const float* dy, int64_t width,
                    float* gradients) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto [parts, first, count] = range;
  if (width == 1 && parts.keys == nullptr && terms.from != nullptr && terms.factors != nullptr) {
    const uint32_t* HWY_RESTRICT from = terms.from + first;
    const float* HWY_RESTRICT factors = terms.factors + first;
    for (int64_t k = 0; k < count; ++k) gradients[k] = factors[k] * dy[from[k]];
    return;
  }
  for (int64_t k = 0; k < count; ++k) {
    const int64_t e = parts.entry(first + k);
    const float factor = terms.factors == nullptr ? 1.0F : terms.factors[e];
    const float* from = dy + (terms.from == nullptr ? e : int64_t{terms.from[e]}) * width;
    float* to = gradients + k * width;
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, from + i)), d, to + i);
    for (; i < width; ++i) to[i] = factor * from[i];
  }
}

void AddValueGradients(const SparseRows& bags, const TableView& table, const float* dy, const SampleRange& samples,
                       float* gradients) {
  const int64_t width = table.width;
  table.values.visit([&](const auto* values) {
    for (int64_t n = samples.first; n < samples.first + samples.count; ++n) {
      for (int64_t e = bags.offsets[n]; e < bags.offsets[n + 1]; ++e) {
        if (bags.indices[e] == table.padding) continue;
        gradients[e] += dot(dy + n * width, values + bags.indices[e] * width, width);
      }
    }
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
HWY_EXPORT(SumGroupGradients);
HWY_EXPORT(EntryGradients);
HWY_EXPORT(AddValueGradients);

void gather_rows(TableElements table, int64_t width, const uint32_t* indices, int64_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(GatherRows)(table, width, indices, count, y);
}

int64_t count_entries(const SparseRows& bags, int64_t sample, int64_t padding) {
  const int64_t begin = bags.offsets[sample];
  const int64_t end = bags.offsets[sample + 1];
  if (padding < 0) return end - begin;
  return std::count_if(bags.indices + begin, bags.indices + end, [=](uint32_t row) { return row != padding; });
}

namespace {

template <class Element>
void pool_maxima(int64_t padding, const SparseRows& bags, const Element* table, const RowShape& rows, int64_t n,
                 float* y, int32_t* winners) {
  const int64_t width = rows.width;
  std::fill_n(y, width, 0.0F);
  if (winners != nullptr) std::fill_n(winners, width, -1);
  bool empty = true;
  for (int64_t e = bags.offsets[n]; e < bags.offsets[n + 1]; ++e) {
    if (bags.indices[e] == padding) continue;
    const Element* row = table + bags.indices[e] * rows.stride;
    for (int64_t i = 0; i < width; ++i) {
      const float value = widen(row[i]);
      if (!empty && !(value > y[i])) continue;
      y[i] = value;
      if (winners != nullptr) winners[i] = static_cast<int32_t>(e);
    }
    empty = false;
  }
}

}  // namespace

void pool_rows(const BagRule& rule, const SparseRows& bags, TableElements table, const RowShape& rows, int64_t first,
               int64_t count, float* y, int32_t* winners) {
  const int64_t width = rows.width;
  if (rule.pooling == Pooling::kMax) {
    table.visit([&](const auto* elements) {
      for (int64_t n = first; n < first + count; ++n) {
        pool_maxima(rule.padding, bags, elements, rows, n, y + n * width,
                    winners == nullptr ? nullptr : winners + n * width);
      }
    });
    return;
  }
  HWY_DYNAMIC_DISPATCH(PoolSums)(rule, bags, table, rows, first, count, y);
  if (rule.pooling == Pooling::kSum) return;
  for (int64_t n = first; n < first + count; ++n) {
    const auto entries = static_cast<float>(std::max<int64_t>(1, count_entries(bags, n, rule.padding)));
    for (int64_t i = 0; i < width; ++i) y[n * width + i] /= entries;
  }
}

void sum_group_gradients(const GroupRange& range, const EntryTerms& terms, const float* dy, int64_t width,
                         float* gradients) {
  HWY_DYNAMIC_DISPATCH(SumGroupGradients)(range, terms, dy, width, gradients);
}

void entry_gradients(const EntryRange& range, const EntryTerms& terms, const float* dy, int64_t width,
                     float* gradients) {
  HWY_DYNAMIC_DISPATCH(EntryGradients)(range, terms, dy, width, gradients);
}

void add_value_gradients(const SparseRows& bags, const TableView& table, const float* dy, const SampleRange& samples,
                         float* gradients) {
  HWY_DYNAMIC_DISPATCH(AddValueGradients)(bags, table, dy, samples, gradients);
}

void sum_winner_gradients(const GroupRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                          int64_t width, float* gradients) {
  std::fill_n(gradients, range.count * width, 0.0F);
  for (int64_t g = 0; g < range.count; ++g) {
    float* gradient = gradients + g * width;
    for (int64_t k = range.groups.starts[range.first + g]; k < range.groups.starts[range.first + g + 1]; ++k) {
      const uint32_t e = RowGroups::entry(range.groups.keys[k]);
      const int64_t at = int64_t{from[e]} * width;
      for (int64_t i = 0; i < width; ++i) {
        if (winners[at + i] == static_cast<int32_t>(e)) gradient[i] += dy[at + i];
      }
    }
  }
}

void entry_winner_gradients(const EntryRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                            int64_t width, float* gradients) {
  for (int64_t k = 0; k < range.count; ++k) {
    const int64_t e = range.parts.entry(range.first + k);
    const int64_t at = int64_t{from[e]} * width;
    for (int64_t i = 0; i < width; ++i) gradients[k * width + i] = winners[at + i] == e ? dy[at + i] : 0;
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
