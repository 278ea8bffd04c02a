#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of value(d, c), vectors of values from column c on, over a row.
template <class Value>
HWY_INLINE double sum_row(int64_t columns, Value value) {
  const hn::ScalableTag<double> d;
  const hn::CappedTag<double, 1> single;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Two sums, so that an addition need not wait for the one before it.
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  int64_t c = 0;
  for (; c + 2 * lanes <= columns; c += 2 * lanes) {
    even = hn::Add(even, value(d, c));
    odd = hn::Add(odd, value(d, c + lanes));
  }
  for (; c + lanes <= columns; c += lanes) even = hn::Add(even, value(d, c));
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; c < columns; ++c) sum += hn::GetLane(value(single, c));
  return sum;
}

// out[c] = value(d, c)
template <class Value>
HWY_INLINE void map_row(int64_t columns, Value value, float* out) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> single;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) hn::StoreU(value(d, c), d, out + c);
  for (; c < columns; ++c) hn::StoreU(value(single, c), single, out + c);
}

void RowMomentsOf(int64_t rows, int64_t columns, double epsilon, const float* HWY_RESTRICT x,
                  RowMoments* HWY_RESTRICT moments) {
  const auto count = static_cast<double>(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    const double mean = sum_row(columns, [&](auto d, int64_t c) HWY_ATTR { return load_doubles(d, row + c); }) / count;
    const double squares = sum_row(columns, [&](auto d, int64_t c) HWY_ATTR {
      const auto centred = hn::Sub(load_doubles(d, row + c), hn::Set(d, mean));
      return hn::Mul(centred, centred);
    });
    moments[r] = {static_cast<float>(mean), static_cast<float>(1 / std::sqrt(squares / count + epsilon))};
  }
}

void LayerNorm(int64_t rows, int64_t columns, const RowMoments* HWY_RESTRICT moments, const ColumnAffine& affine,
               const float* HWY_RESTRICT x, float* HWY_RESTRICT y) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    const auto [mean, inverse] = moments[r];
    map_row(
        columns,
        [&, m = mean, s = inverse](auto d, int64_t c) HWY_ATTR {
          auto value = hn::Mul(hn::Sub(hn::LoadU(d, row + c), hn::Set(d, m)), hn::Set(d, s));
          if (affine.weight != nullptr) value = hn::Mul(value, hn::LoadU(d, affine.weight + c));
          return affine.bias == nullptr ? value : hn::Add(value, hn::LoadU(d, affine.bias + c));
        },
        y + r * columns);
  }
}

void LayerNormBackward(int64_t rows, int64_t columns, const RowMoments* HWY_RESTRICT moments,
                       const float* HWY_RESTRICT weight, const float* HWY_RESTRICT x, const float* HWY_RESTRICT dy,
                       float* HWY_RESTRICT dx) {
  const auto count = static_cast<double>(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    const float* gradient = dy + r * columns;
    const float mean = moments[r].mean;
    const float inverse = moments[r].inverse_deviation;
    const auto du = [&](auto d, int64_t c) HWY_ATTR {
      const auto value = hn::LoadU(d, gradient + c);
      return weight == nullptr ? value : hn::Mul(value, hn::LoadU(d, weight + c));
    };
    const auto du_as_doubles = [&](auto d, int64_t c)
                                   HWY_ATTR { return hn::PromoteTo(d, du(hn::Rebind<float, decltype(d)>(), c)); };
    const double sum = sum_row(columns, du_as_doubles);
    const double product = sum_row(columns, [&](auto d, int64_t c) HWY_ATTR {
      const auto centred = hn::Sub(load_doubles(d, row + c), hn::Set(d, static_cast<double>(mean)));
      return hn::Mul(du_as_doubles(d, c), centred);
    });
    const auto shift = static_cast<float>(sum / count);
    const auto slope = static_cast<float>(product / count * inverse * inverse);
    map_row(
        columns,
        [&](auto d, int64_t c) HWY_ATTR {
          const auto centred = hn::Sub(hn::LoadU(d, row + c), hn::Set(d, mean));
          const auto rest = hn::Sub(du(d, c), hn::Set(d, shift));
          return hn::Mul(hn::Set(d, inverse), hn::NegMulAdd(centred, hn::Set(d, slope), rest));
        },
        dx + r * columns);
  }
}

void LayerNormParameterSums(const RowBlock& block, const RowMoments* HWY_RESTRICT moments, const float* HWY_RESTRICT x,
                            const float* HWY_RESTRICT dy, const ColumnSums& sums) {
  const auto sum_columns = [&](auto d, int64_t c) HWY_ATTR {
    auto weight = hn::Zero(d);
    auto bias = hn::Zero(d);
    for (int64_t r = 0; r < block.rows; ++r) {
      const auto gradient = load_doubles(d, dy + r * block.stride + c);
      const auto mean = hn::Set(d, static_cast<double>(moments[r].mean));
      const auto inverse = hn::Set(d, static_cast<double>(moments[r].inverse_deviation));
      const auto u = hn::Mul(hn::Sub(load_doubles(d, x + r * block.stride + c), mean), inverse);
      weight = hn::Add(weight, hn::Mul(gradient, u));
      bias = hn::Add(bias, gradient);
    }
    hn::StoreU(weight, d, sums.weight + c);
    hn::StoreU(bias, d, sums.bias + c);
  };
  const hn::ScalableTag<double> wide;
  const hn::CappedTag<double, 1> single;
  const auto lanes = static_cast<int64_t>(hn::Lanes(wide));
  int64_t c = 0;
  for (; c + lanes <= block.columns; c += lanes) sum_columns(wide, c);
  for (; c < block.columns; ++c) sum_columns(single, c);
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
