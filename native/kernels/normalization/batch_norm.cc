#include "kernels/normalization/batch_norm.h"

#include <algorithm>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/normalization/batch_norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/checked.h"
#include "common/highway-inl.h"
#include "kernels/vectors/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

// Of samples in lanes, the half of them that holds all samples, if there is one.
int64_t columns_in_use(const ChannelBlock& block) { return block.samples <= kHalfLanes ? kHalfLanes : kLanes; }

// Rows of values one behind the other, from `at` on.
struct ValueRows {
  int64_t rows;
  int64_t columns;
  int64_t stride;
  int64_t at;

  // So many stay in L1 while one vector of columns after the other goes through them.
  int64_t together() const { return std::clamp<int64_t>(4096 / columns, 8, 256); }
};

constexpr int64_t kMostFolded = 512;  // columns
constexpr int64_t kFewestFolded = 8;  // rows

// Many rows of few channels are taken several at a time, as one whose columns are the channels over and over: whole
// vectors in place of parts of them. What is left is taken as it is.
struct Folded {
  ValueRows wide;
  ValueRows rest;

  explicit Folded(const ChannelBlock& block) {
    const int64_t times = kLanes / std::gcd(kLanes, block.columns);
    const bool folds = times > 1 && block.stride == block.columns && times * block.columns <= kMostFolded &&
                       block.rows >= kFewestFolded * times;
    const int64_t columns = folds ? times * block.columns : block.columns;
    const int64_t rows = folds ? block.rows / times : 0;
    wide = {rows, columns, columns, 0};
    rest = {block.rows - rows * times, block.columns, block.stride, rows * columns};
  }
};

// The values of the channels of columns c, c + 1, ... of rows that may be folded.
template <class D>
HWY_INLINE hn::Vec<D> of_channels(D d, const ChannelBlock& block, const hn::TFromD<D>* values, int64_t c) {
  if (block.meaning == Columns::kSamples) return hn::Set(d, *values);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (c + lanes <= block.columns) return hn::LoadU(d, values + c);
  HWY_ALIGN hn::TFromD<D> repeated[hn::MaxLanes(d)];
  for (int64_t lane = 0, channel = c % block.columns; lane < lanes; ++lane) {
    repeated[lane] = values[channel];
    if (++channel == block.columns) channel = 0;
  }
  return hn::Load(d, repeated);
}

// totals[s][c] += what add(offset of [r, c], sums) adds to sums[s] in all rows r, where add = make_add(d, c).
template <int kSums, class MakeAdd>
HWY_INLINE void sum_columns(const ValueRows& of, MakeAdd make_add, double* const (&totals)[kSums]) {
  const int64_t together = of.together();
  for (int64_t first = 0; first < of.rows; first += together) {
    const int64_t last = std::min(first + together, of.rows);
    for_each_chunk<double>(of.columns, [&](auto d, int64_t c) HWY_ATTR {
      using V = hn::Vec<decltype(d)>;
      const auto add = make_add(d, c);
      // Two sums, so that an addition need not wait for the one before it.
      V even[kSums];
      V odd[kSums];
      for (int s = 0; s < kSums; ++s) {
        even[s] = hn::LoadU(d, totals[s] + c);
        odd[s] = hn::Zero(d);
      }
      int64_t at = of.at + first * of.stride + c;
      int64_t r = first;
      for (; r + 1 < last; r += 2, at += 2 * of.stride) {
        add(at, even);
        add(at + of.stride, odd);
      }
      if (r < last) add(at, even);
      for (int s = 0; s < kSums; ++s) hn::StoreU(hn::Add(even[s], odd[s]), d, totals[s] + c);
    });
  }
}

// sums[s][k] = what add, as above, adds to sums[s] for all values of the channel.
template <int kSums, class MakeAdd>
HWY_INLINE void sum_by_channel(const ChannelBlock& block, MakeAdd make_add, double* const (&sums)[kSums]) {
  double of_columns[kSums][kMostFolded];
  double* totals[kSums];
  const auto begin = [&](int64_t columns) {
    for (int s = 0; s < kSums; ++s) std::fill_n(totals[s] = of_columns[s], columns, 0.0);
  };
  if (block.meaning == Columns::kSamples) {
    begin(block.columns);
    sum_columns<kSums>({block.rows, columns_in_use(block), block.stride, 0}, make_add, totals);
    for (int s = 0; s < kSums; ++s) *sums[s] = std::accumulate(totals[s], totals[s] + block.samples, 0.0);
    return;
  }
  const Folded folded(block);
  for (int s = 0; s < kSums; ++s) std::fill_n(sums[s], block.columns, 0.0);
  sum_columns<kSums>(folded.rest, make_add, sums);
  if (folded.wide.rows == 0) return;
  begin(folded.wide.columns);
  sum_columns<kSums>(folded.wide, make_add, totals);
  for (int s = 0; s < kSums; ++s) {
    for (int64_t row = 0; row < folded.wide.columns; row += block.columns) {
      for (int64_t c = 0; c < block.columns; ++c) sums[s][c] += totals[s][row + c];
    }
  }
}

void ChannelSums(const ChannelBlock& block, const float* HWY_RESTRICT x, double* HWY_RESTRICT sums) {
  sum_by_channel<1>(block,
                    [&](auto d, int64_t) HWY_ATTR {
                      return [=](int64_t at, auto& to) HWY_ATTR { to[0] = hn::Add(to[0], load_doubles(d, x + at)); };
                    },
                    {sums});
}

void ChannelMoments(const ChannelBlock& block, const float* HWY_RESTRICT start, const float* HWY_RESTRICT x,
                    const MomentSums& of) {
  sum_by_channel<2>(block,
                    [&](auto d, int64_t c) HWY_ATTR {
                      const hn::Rebind<float, decltype(d)> floats;
                      const Minus minus_start(d, hn::PromoteTo(d, of_channels(floats, block, start, c)));
                      return [=](int64_t at, auto& to) HWY_ATTR {
                        const auto difference = minus_start(load_doubles(d, x + at));
                        to[0] = hn::Add(to[0], difference);
                        to[1] = hn::MulAdd(difference, difference, to[1]);
                      };
                    },
                    {of.difference, of.square});
}

template <Rectified kRectified, class D, class V>
HWY_INLINE V rectify(D d, V z, V slope) {
  const auto below = hn::Lt(z, hn::Zero(d));  // NaN stays NaN
  if constexpr (kRectified == Rectified::kYes) return hn::IfThenZeroElse(below, z);
  if constexpr (kRectified == Rectified::kLeaky) return hn::IfThenElse(below, hn::Mul(z, slope), z);
  return z;
}

// The loss by z of that by y.
template <Rectified kRectified, class D, class V>
HWY_INLINE V gradient_of(D d, V z, V gradient, V slope) {
  const auto above = hn::Gt(z, hn::Zero(d));
  if constexpr (kRectified == Rectified::kYes) return hn::IfThenElseZero(above, gradient);
  if constexpr (kRectified == Rectified::kLeaky) return hn::IfThenElse(above, gradient, hn::Mul(gradient, slope));
  return gradient;
}

template <Rectified kRectified>
void gradient_sums(const ChannelBlock& block, const ChannelCoefficients& by, const GradientOperands& of,
                   const GradientSums& sums) {
  sum_by_channel<2>(block,
                    [&](auto d, int64_t c) HWY_ATTR {
                      const hn::Rebind<float, decltype(d)> floats;
                      const Minus minus_mean(d, of_channels(d, block, of.mean, c));
                      const auto mean = of_channels(floats, block, by.mean, c);
                      const auto scale = of_channels(floats, block, by.scale, c);
                      const auto shift = of_channels(floats, block, by.shift, c);
                      const auto slope = hn::Set(floats, by.slope);
                      return [=, x = of.x, dy = of.dy](int64_t at, auto& to) HWY_ATTR {
                        const auto value = hn::LoadU(floats, x + at);
                        auto gradient = hn::LoadU(floats, dy + at);
                        if constexpr (kRectified != Rectified::kNo) {
                          const auto z = hn::MulAdd(hn::Sub(value, mean), scale, shift);
                          gradient = gradient_of<kRectified>(floats, z, gradient, slope);
                        }
                        const auto g = hn::PromoteTo(d, gradient);
                        to[0] = hn::Add(to[0], g);
                        to[1] = hn::MulAdd(minus_mean(hn::PromoteTo(d, value)), g, to[1]);
                      };
                    },
                    {sums.gradient, sums.product});
}

void ChannelGradientSums(const ChannelBlock& block, const ChannelCoefficients& by, const GradientOperands& of,
                         const GradientSums& sums) {
  switch (by.rectified) {
    case Rectified::kNo: return gradient_sums<Rectified::kNo>(block, by, of, sums);
    case Rectified::kYes: return gradient_sums<Rectified::kYes>(block, by, of, sums);
    case Rectified::kLeaky: return gradient_sums<Rectified::kLeaky>(block, by, of, sums);
  }
}

// out[r, c] = value(offset of [r, c]), where value = make_value(d, c).
template <class MakeValue>
HWY_INLINE void map_columns(const ValueRows& of, MakeValue make_value, float* out) {
  const int64_t together = of.together();
  for (int64_t first = 0; first < of.rows; first += together) {
    const int64_t last = std::min(first + together, of.rows);
    for_each_chunk<float>(of.columns, [&](auto d, int64_t c) HWY_ATTR {
      const auto value = make_value(d, c);
      for (int64_t r = first; r < last; ++r) {
        const int64_t at = of.at + r * of.stride + c;
        hn::StoreU(value(at), d, out + at);
      }
    });
  }
}

template <class MakeValue>
HWY_INLINE void map_by_channel(const ChannelBlock& block, MakeValue make_value, float* out) {
  if (block.meaning == Columns::kChannels) {
    const Folded folded(block);
    map_columns(folded.wide, make_value, out);
    return map_columns(folded.rest, make_value, out);
  }
  const auto whole = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  map_columns({block.rows, round_up(columns_in_use(block), whole), block.stride, 0}, make_value, out);
  if (block.samples == block.columns) return;
  for (int64_t row = 0; row < block.rows * block.stride; row += block.stride) {
    std::fill(out + row + block.samples, out + row + block.columns, 0.0F);
  }
}

template <Rectified kRectified>
void normalize(const ChannelBlock& block, const ChannelCoefficients& by, const float* HWY_RESTRICT x,
               float* HWY_RESTRICT y) {
  map_by_channel(
      block,
      [&](auto d, int64_t c) HWY_ATTR {
        const auto mean = of_channels(d, block, by.mean, c);
        const auto scale = of_channels(d, block, by.scale, c);
        const auto shift = of_channels(d, block, by.shift, c);
        const auto slope = hn::Set(d, by.slope);
        return [=](int64_t at) HWY_ATTR {
          const auto z = hn::MulAdd(hn::Sub(hn::LoadU(d, x + at), mean), scale, shift);
          return rectify<kRectified>(d, z, slope);
        };
      },
      y);
}

void NormalizeChannels(const ChannelBlock& block, const ChannelCoefficients& by, const float* x, float* y) {
  switch (by.rectified) {
    case Rectified::kNo: return normalize<Rectified::kNo>(block, by, x, y);
    case Rectified::kYes: return normalize<Rectified::kYes>(block, by, x, y);
    case Rectified::kLeaky: return normalize<Rectified::kLeaky>(block, by, x, y);
  }
}

template <Rectified kRectified>
void normalize_backward(const ChannelBlock& block, const GradientCoefficients& by, const float* HWY_RESTRICT x,
                        const float* HWY_RESTRICT dy, float* HWY_RESTRICT dx) {
  map_by_channel(
      block,
      [&](auto d, int64_t c) HWY_ATTR {
        const auto mean = of_channels(d, block, by.forward.mean, c);
        const auto scale = of_channels(d, block, by.forward.scale, c);
        const auto shift = of_channels(d, block, by.forward.shift, c);
        const auto centre = of_channels(d, block, by.centre, c);
        const auto slope = of_channels(d, block, by.slope, c);
        const auto below = hn::Set(d, by.forward.slope);
        return [=](int64_t at) HWY_ATTR {
          const auto centred = hn::Sub(hn::LoadU(d, x + at), mean);
          auto gradient = hn::LoadU(d, dy + at);
          if constexpr (kRectified != Rectified::kNo) {
            gradient = gradient_of<kRectified>(d, hn::MulAdd(centred, scale, shift), gradient, below);
          }
          return hn::Mul(scale, hn::NegMulAdd(centred, slope, hn::Sub(gradient, centre)));
        };
      },
      dx);
}

void NormalizeChannelsBackward(const ChannelBlock& block, const GradientCoefficients& by, const float* x,
                               const float* dy, float* dx) {
  switch (by.forward.rectified) {
    case Rectified::kNo: return normalize_backward<Rectified::kNo>(block, by, x, dy, dx);
    case Rectified::kYes: return normalize_backward<Rectified::kYes>(block, by, x, dy, dx);
    case Rectified::kLeaky: return normalize_backward<Rectified::kLeaky>(block, by, x, dy, dx);
  }
}

void ScaleChannels(const ChannelBlock& block, const float* HWY_RESTRICT scale, const float* HWY_RESTRICT dy,
                   float* HWY_RESTRICT dx) {
  map_by_channel(
      block,
      [&](auto d, int64_t c) HWY_ATTR {
        const auto factor = of_channels(d, block, scale, c);
        return [=](int64_t at) HWY_ATTR { return hn::Mul(factor, hn::LoadU(d, dy + at)); };
      },
      dx);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(ChannelSums);
HWY_EXPORT(ChannelMoments);
HWY_EXPORT(ChannelGradientSums);
HWY_EXPORT(NormalizeChannels);
HWY_EXPORT(NormalizeChannelsBackward);
HWY_EXPORT(ScaleChannels);

void channel_sums(const ChannelBlock& block, const float* x, double* sums) {
  HWY_DYNAMIC_DISPATCH(ChannelSums)(block, x, sums);
}

void channel_moments(const ChannelBlock& block, const float* start, const float* x, const MomentSums& of) {
  HWY_DYNAMIC_DISPATCH(ChannelMoments)(block, start, x, of);
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
