#include "kernels/batch_norm.h"

#include <algorithm>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// So many rows stay in the first cache while one vector of columns after the other goes through them.
constexpr int64_t kRowsTogether = 32;

// Calls work(d, c) for columns c, c + 1, ... as many as d has lanes: whole vectors, then shorter ones. Columns do not
// meet, so all give the same bits.
template <class T, class Work>
HWY_INLINE void for_each_chunk(int64_t columns, Work work) {
  const hn::ScalableTag<T> wide;
  const hn::CappedTag<T, 4> narrow;
  const hn::CappedTag<T, 1> single;
  const auto wide_lanes = static_cast<int64_t>(hn::Lanes(wide));
  const auto narrow_lanes = static_cast<int64_t>(hn::Lanes(narrow));
  int64_t c = 0;
  for (; c + wide_lanes <= columns; c += wide_lanes) work(wide, c);
  for (; c + narrow_lanes <= columns; c += narrow_lanes) work(narrow, c);
  for (; c < columns; ++c) work(single, c);
}

// The values of the channels of columns c, c + 1, ...
template <class D>
HWY_INLINE hn::Vec<D> of_channels(D d, const ChannelBlock& block, const hn::TFromD<D>* values, int64_t c) {
  return block.meaning == Columns::kSamples ? hn::Set(d, *values) : hn::LoadU(d, values + c);
}

template <class D>
HWY_INLINE hn::Vec<D> load_doubles(D d, const float* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), from));
}

// sums[s][k] = sum of values[s] of all the channel's values, which value(offset, values) gives, where value =
// make_value(d, c).
template <int kSums, class MakeValue>
HWY_INLINE void sum_by_channel(const ChannelBlock& block, MakeValue make_value, double* const (&sums)[kSums]) {
  double of_samples[kSums][kLanes];
  double* totals[kSums];
  for (int s = 0; s < kSums; ++s) {
    totals[s] = block.meaning == Columns::kSamples ? of_samples[s] : sums[s];
    std::fill_n(totals[s], block.columns, 0.0);
  }
  for (int64_t first = 0; first < block.rows; first += kRowsTogether) {
    const int64_t last = std::min(first + kRowsTogether, block.rows);
    for_each_chunk<double>(block.columns, [&](auto d, int64_t c) {
      using V = hn::Vec<decltype(d)>;
      const auto value = make_value(d, c);
      // Two sums, so that an addition need not wait for the one before it.
      V even[kSums];
      V odd[kSums];
      for (int s = 0; s < kSums; ++s) {
        even[s] = hn::LoadU(d, totals[s] + c);
        odd[s] = hn::Zero(d);
      }
      const auto add = [&](int64_t r, V(&to)[kSums]) {
        V values[kSums];
        value(r * block.stride + c, values);
        for (int s = 0; s < kSums; ++s) to[s] = hn::Add(to[s], values[s]);
      };
      int64_t r = first;
      for (; r + 1 < last; r += 2) {
        add(r, even);
        add(r + 1, odd);
      }
      if (r < last) add(r, even);
      for (int s = 0; s < kSums; ++s) hn::StoreU(hn::Add(even[s], odd[s]), d, totals[s] + c);
    });
  }
  if (block.meaning == Columns::kChannels) return;
  for (int s = 0; s < kSums; ++s) *sums[s] = std::accumulate(of_samples[s], of_samples[s] + block.samples, 0.0);
}

void ChannelSums(const ChannelBlock& block, const float* HWY_RESTRICT x, double* HWY_RESTRICT sums) {
  sum_by_channel<1>(
      block, [&](auto d, int64_t) { return [=](int64_t at, auto& values) { values[0] = load_doubles(d, x + at); }; },
      {sums});
}

void ChannelSquareSums(const ChannelBlock& block, const float* HWY_RESTRICT x, const double* HWY_RESTRICT mean,
                       double* HWY_RESTRICT sums) {
  sum_by_channel<1>(block,
                    [&](auto d, int64_t c) {
                      const auto m = of_channels(d, block, mean, c);
                      return [=](int64_t at, auto& values) {
                        const auto centred = hn::Sub(load_doubles(d, x + at), m);
                        values[0] = hn::Mul(centred, centred);
                      };
                    },
                    {sums});
}

template <Rectified kRectified>
void gradient_sums(const ChannelBlock& block, const ChannelCoefficients& by, const GradientOperands& of,
                   const GradientSums& sums) {
  sum_by_channel<2>(block,
                    [&](auto d, int64_t c) {
                      const hn::Rebind<float, decltype(d)> floats;
                      const auto m = of_channels(d, block, of.mean, c);
                      const auto mean = of_channels(floats, block, by.mean, c);
                      const auto scale = of_channels(floats, block, by.scale, c);
                      const auto shift = of_channels(floats, block, by.shift, c);
                      return [=, x = of.x, dy = of.dy](int64_t at, auto& values) {
                        const auto value = hn::LoadU(floats, x + at);
                        auto gradient = hn::LoadU(floats, dy + at);
                        if constexpr (kRectified == Rectified::kYes) {
                          const auto z = hn::MulAdd(hn::Sub(value, mean), scale, shift);
                          gradient = hn::IfThenElseZero(hn::Gt(z, hn::Zero(floats)), gradient);
                        }
                        values[0] = hn::PromoteTo(d, gradient);
                        values[1] = hn::Mul(hn::Sub(hn::PromoteTo(d, value), m), values[0]);
                      };
                    },
                    {sums.gradient, sums.product});
}

void ChannelGradientSums(const ChannelBlock& block, const ChannelCoefficients& by, const GradientOperands& of,
                         const GradientSums& sums) {
  return by.rectified == Rectified::kYes ? gradient_sums<Rectified::kYes>(block, by, of, sums)
                                         : gradient_sums<Rectified::kNo>(block, by, of, sums);
}

// out[r, c] = value(offset of [r, c]), where value = make_value(d, c).
template <class MakeValue>
HWY_INLINE void map_by_channel(const ChannelBlock& block, MakeValue make_value, float* out) {
  for (int64_t first = 0; first < block.rows; first += kRowsTogether) {
    const int64_t last = std::min(first + kRowsTogether, block.rows);
    for_each_chunk<float>(block.columns, [&](auto d, int64_t c) {
      const auto value = make_value(d, c);
      for (int64_t at = first * block.stride + c; at < last * block.stride; at += block.stride) {
        hn::StoreU(value(at), d, out + at);
      }
    });
  }
  if (block.meaning == Columns::kChannels || block.samples == block.columns) return;
  for (int64_t row = 0; row < block.rows * block.stride; row += block.stride) {
    std::fill(out + row + block.samples, out + row + block.columns, 0.0F);
  }
}

template <Rectified kRectified>
void normalize(const ChannelBlock& block, const ChannelCoefficients& by, const float* HWY_RESTRICT x,
               float* HWY_RESTRICT y) {
  map_by_channel(
      block,
      [&](auto d, int64_t c) {
        const auto mean = of_channels(d, block, by.mean, c);
        const auto scale = of_channels(d, block, by.scale, c);
        const auto shift = of_channels(d, block, by.shift, c);
        return [=](int64_t at) {
          const auto z = hn::MulAdd(hn::Sub(hn::LoadU(d, x + at), mean), scale, shift);
          if constexpr (kRectified == Rectified::kNo) return z;
          // NaN stays NaN.
          return hn::IfThenZeroElse(hn::Lt(z, hn::Zero(d)), z);
        };
      },
      y);
}

void NormalizeChannels(const ChannelBlock& block, const ChannelCoefficients& by, const float* x, float* y) {
  return by.rectified == Rectified::kYes ? normalize<Rectified::kYes>(block, by, x, y)
                                         : normalize<Rectified::kNo>(block, by, x, y);
}

template <Rectified kRectified>
void normalize_backward(const ChannelBlock& block, const GradientCoefficients& by, const float* HWY_RESTRICT x,
                        const float* HWY_RESTRICT dy, float* HWY_RESTRICT dx) {
  map_by_channel(
      block,
      [&](auto d, int64_t c) {
        const auto mean = of_channels(d, block, by.forward.mean, c);
        const auto scale = of_channels(d, block, by.forward.scale, c);
        const auto shift = of_channels(d, block, by.forward.shift, c);
        const auto centre = of_channels(d, block, by.centre, c);
        const auto slope = of_channels(d, block, by.slope, c);
        return [=](int64_t at) {
          const auto centred = hn::Sub(hn::LoadU(d, x + at), mean);
          auto gradient = hn::LoadU(d, dy + at);
          if constexpr (kRectified == Rectified::kYes) {
            gradient = hn::IfThenElseZero(hn::Gt(hn::MulAdd(centred, scale, shift), hn::Zero(d)), gradient);
          }
          return hn::Mul(scale, hn::NegMulAdd(centred, slope, hn::Sub(gradient, centre)));
        };
      },
      dx);
}

void NormalizeChannelsBackward(const ChannelBlock& block, const GradientCoefficients& by, const float* x,
                               const float* dy, float* dx) {
  return by.forward.rectified == Rectified::kYes ? normalize_backward<Rectified::kYes>(block, by, x, dy, dx)
                                                 : normalize_backward<Rectified::kNo>(block, by, x, dy, dx);
}

void ScaleChannels(const ChannelBlock& block, const float* HWY_RESTRICT scale, const float* HWY_RESTRICT dy,
                   float* HWY_RESTRICT dx) {
  map_by_channel(
      block,
      [&](auto d, int64_t c) {
        const auto factor = of_channels(d, block, scale, c);
        return [=](int64_t at) { return hn::Mul(factor, hn::LoadU(d, dy + at)); };
      },
      dx);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(ChannelSums);
HWY_EXPORT(ChannelSquareSums);
HWY_EXPORT(ChannelGradientSums);
HWY_EXPORT(NormalizeChannels);
HWY_EXPORT(NormalizeChannelsBackward);
HWY_EXPORT(ScaleChannels);

void channel_sums(const ChannelBlock& block, const float* x, double* sums) {
  HWY_DYNAMIC_DISPATCH(ChannelSums)(block, x, sums);
}

void channel_square_sums(const ChannelBlock& block, const float* x, const double* mean, double* sums) {
  HWY_DYNAMIC_DISPATCH(ChannelSquareSums)(block, x, mean, sums);
}

void channel_gradient_sums(const ChannelBlock& block, const ChannelCoefficients& by, const GradientOperands& of,
                           const GradientSums& sums) {
  HWY_DYNAMIC_DISPATCH(ChannelGradientSums)(block, by, of, sums);
}

void normalize_channels(const ChannelBlock& block, const ChannelCoefficients& by, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(NormalizeChannels)(block, by, x, y);
}

void normalize_channels_backward(const ChannelBlock& block, const GradientCoefficients& by, const float* x,
                                 const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(NormalizeChannelsBackward)(block, by, x, dy, dx);
}

void scale_channels(const ChannelBlock& block, const float* scale, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(ScaleChannels)(block, scale, dy, dx);
}

}  // namespace gradloom
#endif  // HWY_ONCE
