#include "kernels/word_vectors/glove.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/word_vectors/glove.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "kernels/vectors/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kStanfordBound = 100;

// One value or vector of them: w by its gradient g, and the sum s.
template <bool kStanford, class D, class V = hn::Vec<D>>
HWY_INLINE void move(D d, V rate, V g, V& w, V& s) {
  if constexpr (kStanford) {
    const V bound = hn::Set(d, kStanfordBound);
    const V step = hn::Mul(hn::Min(hn::Max(g, hn::Neg(bound)), bound), rate);
    w = hn::Sub(w, hn::Div(step, hn::Sqrt(s)));
    s = hn::Add(s, hn::Mul(step, step));
  } else {
    s = hn::Add(s, hn::Mul(g, g));
    w = hn::Sub(w, hn::Div(hn::Mul(rate, g), hn::Sqrt(s)));
  }
}

template <bool kStanford>
HWY_INLINE void move_bias(float rate, float g, float& w, float& s) {
  if constexpr (kStanford) {
    w -= g / std::sqrt(s);
    s += g * g;
  } else {
    s += g * g;
    w -= rate * g / std::sqrt(s);
  }
}

// A cell's rows: of a word and a context, with their sums.
struct CellRows {
  float *u, *c, *u_sum, *c_sum;

  CellRows(const GloveTables& tables, const GloveCell& cell)
      : u(tables.words + cell.word * (tables.units + 1)),
        c(tables.contexts + cell.context * (tables.units + 1)),
        u_sum(tables.word_sums + cell.word * (tables.units + 1)),
        c_sum(tables.context_sums + cell.context * (tables.units + 1)) {}

  void prefetch(int64_t units) const {
    constexpr int64_t kFloatsPerLine = 16;
    const int64_t end = HWY_MIN(units + 1, 8 * kFloatsPerLine);
    for (int64_t i = 0; i < end; i += kFloatsPerLine) {
      for (const float* row : {u, c, u_sum, c_sum}) prefetch_to_l2(row + i);
    }
  }
};

template <bool kStanford>
double train_cells(float learning_rate, const GloveTables& tables, const GloveCell* cells, int64_t count) {
  constexpr int64_t kAhead = 4;
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t units = tables.units;
  const V rate = hn::Set(d, learning_rate);
  double cost = 0;
  for (int64_t k = 0; k < count; ++k) {
    if (k + kAhead < count) CellRows(tables, cells[k + kAhead]).prefetch(units);
    const CellRows rows(tables, cells[k]);
    const float error = dot(rows.u, rows.c, units) + rows.u[units] + rows.c[units] - cells[k].log_count;
    const float weighted = cells[k].weight * error;
    cost += 0.5 * double{weighted} * double{error};
    const V factor = hn::Set(d, weighted);
    int64_t i = 0;
    for (; i + lanes <= units; i += lanes) {
      V u = hn::LoadU(d, rows.u + i);
      V c = hn::LoadU(d, rows.c + i);
      V u_sum = hn::LoadU(d, rows.u_sum + i);
      V c_sum = hn::LoadU(d, rows.c_sum + i);
      const V gu = hn::Mul(factor, c);
      const V gc = hn::Mul(factor, u);
      move<kStanford>(d, rate, gu, u, u_sum);
      move<kStanford>(d, rate, gc, c, c_sum);
      hn::StoreU(u, d, rows.u + i);
      hn::StoreU(c, d, rows.c + i);
      hn::StoreU(u_sum, d, rows.u_sum + i);
      hn::StoreU(c_sum, d, rows.c_sum + i);
    }
    if (i < units) {
      const auto rest = static_cast<size_t>(units - i);
      V u = load_first(d, rows.u + i, rest);
      V c = load_first(d, rows.c + i, rest);
      V u_sum = load_first(d, rows.u_sum + i, rest);
      V c_sum = load_first(d, rows.c_sum + i, rest);
      const V gu = hn::Mul(factor, c);
      const V gc = hn::Mul(factor, u);
      move<kStanford>(d, rate, gu, u, u_sum);
      move<kStanford>(d, rate, gc, c, c_sum);
      store_first(u, d, rows.u + i, rest);
      store_first(c, d, rows.c + i, rest);
      store_first(u_sum, d, rows.u_sum + i, rest);
      store_first(c_sum, d, rows.c_sum + i, rest);
    }
    move_bias<kStanford>(learning_rate, weighted, rows.u[units], rows.u_sum[units]);
    move_bias<kStanford>(learning_rate, weighted, rows.c[units], rows.c_sum[units]);
  }
  return cost;
}

double TrainPaper(float learning_rate, const GloveTables& tables, const GloveCell* cells, int64_t count) {
  return train_cells<false>(learning_rate, tables, cells, count);
}

double TrainStanford(float learning_rate, const GloveTables& tables, const GloveCell* cells, int64_t count) {
  return train_cells<true>(learning_rate, tables, cells, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(TrainPaper);
HWY_EXPORT(TrainStanford);

double train_glove_cells(GloveRule rule, float learning_rate, const GloveTables& tables, const GloveCell* cells,
                         int64_t count) {
  if (rule == GloveRule::kPaper) return HWY_DYNAMIC_DISPATCH(TrainPaper)(learning_rate, tables, cells, count);
  return HWY_DYNAMIC_DISPATCH(TrainStanford)(learning_rate, tables, cells, count);
}

}  // namespace gradloom
#endif  // HWY_ONCE
