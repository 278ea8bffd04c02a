// Rows of tables by the rules that work element by element: each row that a batch names, with its states. Included once
// for every target.
#if defined(GRADLOOM_OPTIMIZERS_TABLE_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_OPTIMIZERS_TABLE_ROWS_INL_H_
#undef GRADLOOM_OPTIMIZERS_TABLE_ROWS_INL_H_
#else
#define GRADLOOM_OPTIMIZERS_TABLE_ROWS_INL_H_
#endif

#include <algorithm>
#include <array>

#include "common/prefetch.h"
#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whether one of a vector's rows is another one, too.
HWY_INLINE bool comes_again(const uint32_t* rows) {
  const hn::RebindToUnsigned<D> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN uint32_t twice[2 * HWY_MAX_BYTES / sizeof(uint32_t)];
  const auto row = hn::LoadU(d, rows);
  hn::StoreU(row, d, twice);
  hn::StoreU(row, d, twice + lanes);
  auto same = hn::FirstN(d, 0);
  for (int64_t k = 1; k <= lanes / 2; ++k) same = hn::Or(same, hn::Eq(row, hn::LoadU(d, twice + k)));
  return !hn::AllFalse(d, same);
}

// Rows of one float, as many as a vector's lanes at a time where none of these comes again.
template <size_t kStates, class Rule, class Line>
HWY_INLINE GradientCheck update_scalars(const Rule& rule, const RowUpdateArguments& args, Line line) {
  constexpr int64_t kAhead = 16;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float values[kStates + 1][HWY_MAX_BYTES / sizeof(float)] = {};
  std::array<float*, kStates> states{};
  for (size_t k = 0; k < kStates; ++k) states[k] = values[k + 1];
  FiniteCheck finite;
  const bool distinct = args.distinct();
  int64_t count = 0;
  for (int64_t first = 0; first < args.count; first += count) {
    count = HWY_MIN(lanes, args.count - first);
    if (!distinct && (count < lanes || comes_again(args.rows + first))) count = 1;
    for (int64_t i = 0; i < count; ++i) {
      args.prefetch(first + i + kAhead, 1, line);
      values[0][i] = *args.weights_of(first + i);
      for (size_t k = 0; k < kStates; ++k) values[k + 1][i] = *args.state_of(k, first + i, 1);
    }
    ElementUpdate<kStates, Rule> update(rule, values[0], args.gradient + first, states.data());
    update.all(count);
    finite.add(update.finite());
    for (int64_t i = 0; i < count; ++i) {
      *args.weights_of(first + i) = values[0][i];
      for (size_t k = 0; k < kStates; ++k) *args.state_of(k, first + i, 1) = values[k + 1][i];
    }
  }
  return finite.check();
}

// A row narrower than a vector, in one or two vectors of kLanes or more floats: nothing beside it is touched, which
// lines and stores may be late for.
template <size_t kLanes>
HWY_INLINE void copy_narrow(const float* HWY_RESTRICT from, int64_t width, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, kLanes> d;
  const int64_t last = width - static_cast<int64_t>(hn::Lanes(d));
  const auto first_values = hn::LoadU(d, from);
  const auto last_values = hn::LoadU(d, from + last);
  hn::StoreU(first_values, d, to);
  hn::StoreU(last_values, d, to + last);
}

// A table's rows and those of its states, as a loop over them keeps it in registers: stores of vectors might change
// what arguments point to.
template <size_t kStates>
class TableRows {
 public:
  explicit TableRows(const RowUpdateArguments& args)
      : tables_{args.table},
        rows_(args.rows),
        stride_(args.stride == 0 ? args.width : args.stride),
        known_(args.count + args.coming),
        gathered_(args.gathered) {
    std::copy_n(args.states, kStates, tables_.begin() + 1);
  }

  // Of the weights where `k` is 0, else of state k - 1.
  HWY_INLINE float* row(size_t k, int64_t i) const {
    return tables_[k] + (k == 0 && gathered_ ? i : int64_t{rows_[i]}) * stride_;
  }
  // prefetch_row(row) for all of place `i`, if it is known.
  template <class PrefetchRow>
  HWY_INLINE void prefetch(int64_t i, PrefetchRow prefetch_row) const {
    if (i >= known_) return;
    for (size_t k = gathered_ ? 1 : 0; k <= kStates; ++k) prefetch_row(row(k, i));
  }

 private:
  std::array<float*, kStates + 1> tables_;
  const uint32_t* rows_;
  int64_t stride_;
  int64_t known_;
  bool gathered_;
};

// Rows narrower than a vector, packed one behind another so that vectors are whole. Some rows are read before any is
// written: those that lie side by side in memory would wait for each other's stores.
template <size_t kLanes, size_t kStates, class Rule, class Line>
HWY_INLINE GradientCheck update_narrow(const Rule& rule, const RowUpdateArguments& args, int64_t ahead, Line line) {
  constexpr int64_t kRows = 16;
  const int64_t width = args.width;
  const TableRows<kStates> table(args);
  const auto prefetch_row = [=](const float* row) {
    line(row);
    line(row + width - 1);
  };
  HWY_ALIGN float values[kStates + 1][kRows * HWY_MAX_BYTES / sizeof(float)];
  std::array<float*, kStates> states{};
  for (size_t k = 0; k < kStates; ++k) states[k] = values[k + 1];
  FiniteCheck finite;
  for (int64_t first = 0; first < args.count; first += kRows) {
    const int64_t count = HWY_MIN(kRows, args.count - first);
    for (int64_t i = 0; i < count; ++i) {
      table.prefetch(first + i + ahead, prefetch_row);
      for (size_t k = 0; k <= kStates; ++k) copy_narrow<kLanes>(table.row(k, first + i), width, values[k] + i * width);
    }
    ElementUpdate<kStates, Rule> update(rule, values[0], args.gradient + first * width, states.data());
    update.all(count * width);
    finite.add(update.finite());
    for (int64_t i = 0; i < count; ++i) {
      for (size_t k = 0; k <= kStates; ++k) copy_narrow<kLanes>(values[k] + i * width, width, table.row(k, first + i));
    }
  }
  return finite.check();
}

template <size_t kStates, class Rule, class Line>
GradientCheck update_each_row(const Rule& rule, const RowUpdateArguments& args, Line line) {
  if (args.width == 1 && !args.hogwild()) return update_scalars<kStates>(rule, args, line);
  const int64_t ahead = prefetch_distance(args.width * static_cast<int64_t>((1 + kStates) * sizeof(float)));
  if (args.width < static_cast<int64_t>(hn::Lanes(D())) && !args.hogwild() && args.distinct()) {
    if (args.width >= 8) return update_narrow<8, kStates>(rule, args, ahead, line);
    if (args.width >= 4) return update_narrow<4, kStates>(rule, args, ahead, line);
    return update_narrow<2, kStates>(rule, args, ahead, line);
  }
  const int64_t width = args.width;
  const TableRows<kStates> table(args);
  const auto prefetch_row = [=](const float* row) {
    for_each_line(row, width * static_cast<int64_t>(sizeof(float)), line);
  };
  const float* gradient = args.gradient;
  std::array<float*, kStates> states{};
  FiniteCheck finite;
  for (int64_t i = 0, count = args.count; i < count; ++i) {
    table.prefetch(i + ahead, prefetch_row);
    for (size_t k = 0; k < kStates; ++k) states[k] = table.row(k + 1, i);
    ElementUpdate<kStates, Rule> update(rule, table.row(0, i), gradient + i * width, states.data());
    update.row(width);
    finite.add(update.finite());
  }
  return finite.check();
}

// The same as update_elements for each row in turn.
template <size_t kStates, class Rule>
GradientCheck update_rows_of_elements(const Rule& rule, const RowUpdateArguments& args) {
  return with_prefetch(args.from_memory,
                       [&](auto line) HWY_ATTR { return update_each_row<kStates>(rule, args, line); });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
