#include "kernels/embedding/embedding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding/row_gradients.cc"
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

// The gradients of the rows that a batch names: of groups of entries, and of entries one by one.

// The entries of groups, by the places of their keys.
template <class Factor>
struct GroupEntries {
  const uint64_t* keys;
  const uint32_t* from;
  Factor factor_of;
  const float* dy;
  int64_t stride;

  HWY_INLINE const float* row(int64_t k) const {
    const uint32_t e = RowGroups::entry(keys[k]);
    return dy + (from == nullptr ? e : from[e]) * stride;
  }
  HWY_INLINE float factor(int64_t k) const { return factor_of(RowGroups::entry(keys[k])); }
};

// One pass over all groups, as pool_columns. kPrefetches: rows come from beyond L2.
template <bool kPrefetches, class Columns, class Entries>
HWY_NOINLINE void sum_each_group(Columns columns, GroupRange range, Entries entries, int64_t width, float* gradients) {
  const int64_t* starts = range.groups.starts + range.first;
  const int64_t last = range.groups.starts[range.groups.count];
  const int64_t ahead = prefetch_distance(width * static_cast<int64_t>(sizeof(float)));
  const auto prefetch = [&](int64_t k) {
    if (kPrefetches && k + ahead < last) prefetch_columns(entries.row(k + ahead), columns);
  };
  const auto row = [&](int64_t k) { return entries.row(k); };
  const auto factor = [&](int64_t k) { return entries.factor(k); };
  for (int64_t g = 0; g < range.count; ++g) {
    sum_columns(columns, starts[g], starts[g + 1], prefetch, row, factor, gradients + g * width);
  }
}

// The same without a branch where a group ends: with each entry the sum is stored, over that of the entry before it in
// its group.
template <class Entries>
HWY_NOINLINE void sum_short_groups(const GroupRange& range, Entries entries, int64_t width, float* gradients) {
  const int64_t begin = range.groups.starts[range.first];
  const int64_t end = range.groups.starts[range.first + range.count];
  for_columns<2>(width, [&](const auto& columns) HWY_ATTR {
    using Columns = std::decay_t<decltype(columns)>;
    const typename Columns::Floats d;
    const hn::RebindToSigned<decltype(d)> bits;
    hn::Vec<decltype(d)> sums[Columns::kCount];
    for (auto& sum : sums) sum = hn::Zero(d);
    uint64_t last_row = entries.keys[begin] >> 32;
    float* total = gradients;
    for (int64_t k = begin; k < end; ++k) {
      const uint64_t key_row = entries.keys[k] >> 32;
      const int32_t is_new = key_row == last_row ? 0 : 1;
      last_row = key_row;
      total += is_new * width;
      const auto kept = hn::BitCast(d, hn::Set(bits, is_new - 1));
      const auto by = hn::Set(d, entries.factor(k));
      for (int64_t v = 0; v < Columns::kCount; ++v) {
        sums[v] = hn::Add(hn::And(sums[v], kept), hn::Mul(by, columns.load(d, entries.row(k), v)));
        columns.store(d, sums[v], total, v);
      }
    }
  });
}

// Whether lengths of groups are unpredictable, and rows so narrow that a store for each entry costs less than branches
// that are mispredicted.
inline bool are_short(const GroupRange& range, int64_t width) {
  constexpr int64_t kMostWidth = 32;
  const int64_t* starts = range.groups.starts + range.first;
  const int64_t entries = starts[range.count] - starts[0];
  return width <= kMostWidth && 4 * entries >= 5 * range.count && entries < 8 * range.count;
}

// Whether rows that one entry each reads are more than L2 holds.
inline bool exceed_l2(const RowGroups& groups, int64_t stride) {
  return exceeds_l2(groups.starts[groups.count] * stride * static_cast<int64_t>(sizeof(float)));
}

template <class Factor>
HWY_INLINE void sum_groups(const GroupRange& range, const uint32_t* from, Factor factor, const float* dy,
                           const RowShape& rows, float* gradients) {
  const GroupEntries<Factor> entries{range.groups.keys, from, factor, dy, rows.stride};
  if (are_short(range, rows.width)) return sum_short_groups(range, entries, rows.width, gradients);
  const bool prefetches = from == nullptr && exceed_l2(range.groups, rows.stride);
  for_columns<kSumVectors>(rows.width, [&](const auto& columns) HWY_ATTR {
    if (prefetches) {
      sum_each_group<true>(columns, range, entries, rows.width, gradients);
    } else {
      sum_each_group<false>(columns, range, entries, rows.width, gradients);
    }
  });
}

// The same for rows of one float, most of them of one entry: by the operations of sum_columns.
template <class Factor>
HWY_INLINE void sum_scalar_groups(const GroupRange& range, const uint32_t* HWY_RESTRICT from, Factor factor,
                                  const float* HWY_RESTRICT dy, int64_t stride, float* HWY_RESTRICT gradients) {
  const uint64_t* HWY_RESTRICT keys = range.groups.keys;
  const int64_t* HWY_RESTRICT starts = range.groups.starts + range.first;
  int64_t k = starts[0];
  for (int64_t g = 0; g < range.count; ++g) {
    const int64_t end = starts[g + 1];
    float sum = 0;
    for (; k < end; ++k) {
      const uint32_t e = RowGroups::entry(keys[k]);
      sum += factor(e) * dy[(from == nullptr ? e : from[e]) * stride];
    }
    gradients[g] = sum;
  }
}

void SumGroupGradients(const GroupRange& range, const EntryTerms& terms, const float* dy, const RowShape& rows,
                       float* gradients) {
  const float* factors = terms.factors;
  const auto one = [](uint32_t) { return 1.0F; };
  const auto factor = [=](uint32_t e) { return factors[e]; };
  if (rows.width == 1) {
    if (factors == nullptr) {
      sum_scalar_groups(range, terms.from, one, dy, rows.stride, gradients);
    } else {
      sum_scalar_groups(range, terms.from, factor, dy, rows.stride, gradients);
    }
  } else if (factors == nullptr) {
    sum_groups(range, terms.from, one, dy, rows, gradients);
  } else {
    sum_groups(range, terms.from, factor, dy, rows, gradients);
  }
}

void EntryGradients(const EntryRange& range, const EntryTerms& terms, const float* dy, const RowShape& rows,
                    float* gradients) {
  const int64_t width = rows.width;
  const int64_t stride = rows.stride;
  const auto [parts, first, count] = range;
  if (width == 1 && parts.keys == nullptr && terms.from != nullptr && terms.factors != nullptr) {
    const uint32_t* HWY_RESTRICT from = terms.from + first;
    const float* HWY_RESTRICT factors = terms.factors + first;
    for (int64_t k = 0; k < count; ++k) gradients[k] = factors[k] * dy[from[k] * stride];
    return;
  }
  for_columns<kVectors>(width, [&, first = first, count = count](const auto& columns) HWY_ATTR {
    const typename std::decay_t<decltype(columns)>::Floats d;
    for (int64_t k = 0; k < count; ++k) {
      const int64_t e = range.parts.entry(first + k);
      const auto factor = hn::Set(d, terms.factors == nullptr ? 1.0F : terms.factors[e]);
      const float* from = dy + (terms.from == nullptr ? e : int64_t{terms.from[e]}) * stride;
      for (int64_t v = 0; v < columns.kCount; ++v) {
        columns.store(d, hn::Mul(factor, columns.load(d, from, v)), gradients + k * width, v);
      }
    }
  });
}

// Zero where entry `e` has not won.
template <class Columns>
HWY_INLINE hn::Vec<typename Columns::Floats> argmax_gradient(const Columns& columns, int64_t v, int64_t e,
                                                             const float* dy, const int32_t* winners) {
  const typename Columns::Floats d;
  const typename Columns::Entries entries;
  const auto won = hn::Eq(columns.load(entries, winners, v), hn::Set(entries, static_cast<int32_t>(e)));
  return hn::IfThenElseZero(hn::RebindMask(d, won), columns.load(d, dy, v));
}

void SumWinnerGradients(const GroupRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                        int64_t width, float* gradients) {
  const int64_t* starts = range.groups.starts + range.first;
  for_columns<kVectors>(width, [&](const auto& columns) HWY_ATTR {
    using Columns = std::decay_t<decltype(columns)>;
    const typename Columns::Floats d;
    for (int64_t g = 0; g < range.count; ++g) {
      hn::Vec<decltype(d)> sums[Columns::kCount];
      for (auto& sum : sums) sum = hn::Zero(d);
      for (int64_t k = starts[g]; k < starts[g + 1]; ++k) {
        const uint32_t e = RowGroups::entry(range.groups.keys[k]);
        const int64_t at = int64_t{from[e]} * width;
        for (int64_t v = 0; v < Columns::kCount; ++v) {
          sums[v] = hn::Add(sums[v], argmax_gradient(columns, v, e, dy + at, winners + at));
        }
      }
      for (int64_t v = 0; v < Columns::kCount; ++v) columns.store(d, sums[v], gradients + g * width, v);
    }
  });
}

void EntryWinnerGradients(const EntryRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                          int64_t width, float* gradients) {
  for_columns<kVectors>(width, [&](const auto& columns) HWY_ATTR {
    const typename std::decay_t<decltype(columns)>::Floats d;
    for (int64_t k = 0; k < range.count; ++k) {
      const int64_t e = range.parts.entry(range.first + k);
      const int64_t at = int64_t{from[e]} * width;
      for (int64_t v = 0; v < columns.kCount; ++v) {
        columns.store(d, argmax_gradient(columns, v, e, dy + at, winners + at), gradients + k * width, v);
      }
    }
  });
}

void AddValueGradients(const SparseRows& bags, const TableView& table, const float* dy, const SampleRange& samples,
                       float* gradients) {
  const int64_t width = table.width;
  table.values.visit([&](const auto* values) HWY_ATTR {
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
namespace gradloom {

HWY_EXPORT(SumGroupGradients);
HWY_EXPORT(EntryGradients);
HWY_EXPORT(SumWinnerGradients);
HWY_EXPORT(EntryWinnerGradients);
HWY_EXPORT(AddValueGradients);

void sum_group_gradients(const GroupRange& range, const EntryTerms& terms, const float* dy, const RowShape& rows,
                         float* gradients) {
  HWY_DYNAMIC_DISPATCH(SumGroupGradients)(range, terms, dy, rows, gradients);
}

void entry_gradients(const EntryRange& range, const EntryTerms& terms, const float* dy, const RowShape& rows,
                     float* gradients) {
  HWY_DYNAMIC_DISPATCH(EntryGradients)(range, terms, dy, rows, gradients);
}

void add_value_gradients(const SparseRows& bags, const TableView& table, const float* dy, const SampleRange& samples,
                         float* gradients) {
  HWY_DYNAMIC_DISPATCH(AddValueGradients)(bags, table, dy, samples, gradients);
}

void sum_winner_gradients(const GroupRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                          int64_t width, float* gradients) {
  HWY_DYNAMIC_DISPATCH(SumWinnerGradients)(range, from, dy, winners, width, gradients);
}

void entry_winner_gradients(const EntryRange& range, const uint32_t* from, const float* dy, const int32_t* winners,
                            int64_t width, float* gradients) {
  HWY_DYNAMIC_DISPATCH(EntryWinnerGradients)(range, from, dy, winners, width, gradients);
}

}  // namespace gradloom
#endif  // HWY_ONCE
