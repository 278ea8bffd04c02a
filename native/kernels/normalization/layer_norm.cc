#include "kernels/normalization/layer_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/normalization/layer_norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/vectors/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Floats = hn::ScalableTag<float>;

// A vector of columns: a whole one, or the first `count` of one, with zeros behind them.
struct Whole {};
struct First {
  size_t count;
};

template <class D>
HWY_INLINE hn::Vec<D> load(D d, Whole /*part*/, const float* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, First part, const float* from) {
  return load_first(d, from, part.count);
}

template <class D, class T>
HWY_INLINE void store(D d, Whole /*part*/, hn::Vec<D> values, T* to) {
  hn::StoreU(values, d, to);
}
template <class D, class T>
HWY_INLINE void store(D d, First part, hn::Vec<D> values, T* to) {
  store_first(values, d, to, part.count);
}

template <class D>
HWY_INLINE hn::Vec<D> zero_behind(D /*d*/, Whole /*part*/, hn::Vec<D> values) {
  return values;
}
template <class D>
HWY_INLINE hn::Vec<D> zero_behind(D d, First part, hn::Vec<D> values) {
  return hn::IfThenElseZero(hn::FirstN(d, part.count), values);
}

// Sums that are made side by side, so that an addition need not wait for the one before it.
constexpr int kBeside = 2;
template <int kSums>
struct SumVectors {
  hn::Vec<Doubles> of[kBeside][kSums];

  HWY_INLINE SumVectors() {
    for (auto& beside : of) {
      for (auto& sum : beside) sum = hn::Zero(Doubles());
    }
  }
  HWY_INLINE hn::Vec<Doubles> total(int sum) const { return hn::Add(of[0][sum], of[1][sum]); }
};

// totals[s] = what add(c, part, sums) adds to sums[s] for vectors of columns from c on, over a row.
template <int kSums, class AddColumns>
HWY_INLINE void sum_row(int64_t columns, AddColumns add, double (&totals)[kSums]) {
  const Doubles d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  SumVectors<kSums> sums;
  int64_t c = 0;
  for (; c + kBeside * lanes <= columns; c += kBeside * lanes) {
    for (int beside = 0; beside < kBeside; ++beside) add(c + beside * lanes, Whole(), sums.of[beside]);
  }
  for (; c + lanes <= columns; c += lanes) add(c, Whole(), sums.of[0]);
  if (c < columns) add(c, First{static_cast<size_t>(columns - c)}, sums.of[1]);
  for (int s = 0; s < kSums; ++s) totals[s] = hn::GetLane(hn::SumOfLanes(d, sums.total(s)));
}

// out[c] = value(c, part)
template <class Value>
HWY_INLINE void map_row(int64_t columns, Value value, float* out) {
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) store(d, Whole(), value(c, Whole()), out + c);
  const First rest{static_cast<size_t>(columns - c)};
  if (c < columns) store(d, rest, value(c, rest), out + c);
}

void RowMomentsOf(int64_t rows, int64_t columns, double epsilon, const float* HWY_RESTRICT x,
                  RowMoments* HWY_RESTRICT moments) {
  const Doubles d;
  const hn::Rebind<float, Doubles> floats;
  const double share = 1 / static_cast<double>(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    // About the first value, which is as far off as the others, so that the square of the mean takes nothing away.
    const double start = row[0];
    const Minus minus_start(d, hn::Set(d, start));
    double sums[2];
    sum_row<2>(
        columns,
        [&](int64_t c, auto part, auto& to) HWY_ATTR {
          const auto value = hn::PromoteTo(d, load(floats, part, row + c));
          const auto difference = zero_behind(d, part, minus_start(value));
          to[0] = hn::Add(to[0], difference);
          to[1] = hn::MulAdd(difference, difference, to[1]);
        },
        sums);
    const double difference = sums[0] * share;
    const double variance = sums[1] * share - difference * difference;
    moments[r] = {static_cast<float>(start + difference),
                  static_cast<float>(1 / std::sqrt((variance < 0 ? 0 : variance) + epsilon))};  // NaN stays NaN
  }
}

void LayerNorm(int64_t rows, int64_t columns, const RowMoments* HWY_RESTRICT moments, const ColumnAffine& affine,
               const float* HWY_RESTRICT x, float* HWY_RESTRICT y) {
  const Floats d;
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    const auto mean = hn::Set(d, moments[r].mean);
    const auto inverse = hn::Set(d, moments[r].inverse_deviation);
    map_row(
        columns,
        [&](int64_t c, auto part) HWY_ATTR {
          auto value = hn::Mul(hn::Sub(load(d, part, row + c), mean), inverse);
          if (affine.weight != nullptr) value = hn::Mul(value, load(d, part, affine.weight + c));
          return affine.bias == nullptr ? value : hn::Add(value, load(d, part, affine.bias + c));
        },
        y + r * columns);
  }
}

void LayerNormBackward(int64_t rows, int64_t columns, const RowMoments* HWY_RESTRICT moments,
                       const float* HWY_RESTRICT weight, const float* HWY_RESTRICT x, const float* HWY_RESTRICT dy,
                       float* HWY_RESTRICT dx) {
  const Doubles d;
  const hn::Rebind<float, Doubles> halves;
  const Floats floats;
  const auto count = static_cast<double>(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    const float* gradient = dy + r * columns;
    const auto du = [&](auto tag, int64_t c, auto part) HWY_ATTR {
      const auto value = load(tag, part, gradient + c);
      return weight == nullptr ? value : hn::Mul(value, load(tag, part, weight + c));
    };
    const Minus minus_mean(d, hn::Set(d, static_cast<double>(moments[r].mean)));
    double sums[2];
    sum_row<2>(
        columns,
        [&](int64_t c, auto part, auto& to) HWY_ATTR {
          const auto g = hn::PromoteTo(d, du(halves, c, part));
          to[0] = hn::Add(to[0], g);
          to[1] = hn::MulAdd(minus_mean(hn::PromoteTo(d, load(halves, part, row + c))), g, to[1]);
        },
        sums);
    const double of_deviation = moments[r].inverse_deviation;
    const auto mean = hn::Set(floats, moments[r].mean);
    const auto inverse = hn::Set(floats, moments[r].inverse_deviation);
    const auto shift = hn::Set(floats, static_cast<float>(sums[0] / count));
    const auto slope = hn::Set(floats, static_cast<float>(sums[1] / count * of_deviation * of_deviation));
    map_row(
        columns,
        [&](int64_t c, auto part) HWY_ATTR {
          const auto centred = hn::Sub(load(floats, part, row + c), mean);
          return hn::Mul(inverse, hn::NegMulAdd(centred, slope, hn::Sub(du(floats, c, part), shift)));
        },
        dx + r * columns);
  }
}

void LayerNormParameterSums(const RowBlock& block, const RowMoments* HWY_RESTRICT moments, const float* HWY_RESTRICT x,
                            const float* HWY_RESTRICT dy, const ColumnSums& sums) {
  const Doubles d;
  const hn::Rebind<float, Doubles> floats;
  const auto sum_columns = [&](int64_t c, auto part) HWY_ATTR {
    SumVectors<2> of_columns;
    const auto add = [&](int64_t r, hn::Vec<Doubles>(&to)[2]) HWY_ATTR {
      const int64_t at = r * block.stride + c;
      const auto g = hn::PromoteTo(d, load(floats, part, dy + at));
      const Minus minus_mean(d, hn::Set(d, static_cast<double>(moments[r].mean)));
      const auto centred = minus_mean(hn::PromoteTo(d, load(floats, part, x + at)));
      const auto u = hn::Mul(centred, hn::Set(d, static_cast<double>(moments[r].inverse_deviation)));
      to[0] = hn::MulAdd(g, u, to[0]);
      to[1] = hn::Add(to[1], g);
    };
    int64_t r = 0;
    for (; r + 1 < block.rows; r += 2) {
      add(r, of_columns.of[0]);
      add(r + 1, of_columns.of[1]);
    }
    if (r < block.rows) add(r, of_columns.of[0]);
    store(d, part, of_columns.total(0), sums.weight + c);
    store(d, part, of_columns.total(1), sums.bias + c);
  };
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= block.columns; c += lanes) sum_columns(c, Whole());
  if (c < block.columns) sum_columns(c, First{static_cast<size_t>(block.columns - c)});
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(RowMomentsOf);
HWY_EXPORT(LayerNorm);
HWY_EXPORT(LayerNormBackward);
HWY_EXPORT(LayerNormParameterSums);

void row_moments(int64_t rows, int64_t columns, double epsilon, const float* x, RowMoments* moments) {
  HWY_DYNAMIC_DISPATCH(RowMomentsOf)(rows, columns, epsilon, x, moments);
}

void layer_norm(int64_t rows, int64_t columns, const RowMoments* moments, const ColumnAffine& affine, const float* x,
                float* y) {
  HWY_DYNAMIC_DISPATCH(LayerNorm)(rows, columns, moments, affine, x, y);
}

void layer_norm_backward(int64_t rows, int64_t columns, const RowMoments* moments, const float* weight, const float* x,
                         const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(LayerNormBackward)(rows, columns, moments, weight, x, dy, dx);
}

void layer_norm_parameter_sums(const RowBlock& block, const RowMoments* moments, const float* x, const float* dy,
                               const ColumnSums& sums) {
  HWY_DYNAMIC_DISPATCH(LayerNormParameterSums)(block, moments, x, dy, sums);
}

}  // namespace gradloom
#endif  // HWY_ONCE
