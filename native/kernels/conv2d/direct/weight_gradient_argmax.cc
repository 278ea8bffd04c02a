#include "kernels/conv2d/direct/weight_gradient_argmax.h"

#include <algorithm>

#include "kernels/layout/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/direct/weight_gradient_argmax.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/pooling/largest_tap-inl.h"
#include "kernels/vectors/in_register-inl.h"

#ifndef GRADLOOM_CONV2D_WON_GRADIENT_
#define GRADLOOM_CONV2D_WON_GRADIENT_
namespace gradloom {
namespace {

constexpr int kMostTaps = 7;  // of a window's row
// A tile keeps so many sums in registers, which leaves some for what it chooses from.
constexpr int kMostSums = 21;
constexpr int argmax_channels(int taps) { return std::max(1, kMostSums / (2 * taps)); }
// Each takes two mask registers, of which k1 to k7 can be had.
constexpr int argmax_filters(int channels) { return channels == 1 ? 3 : 2; }
// They share the input while it is in L1.
constexpr int64_t kJobFilters = 8;

EvenTiling channel_tiles(const DirectShape& shape) {
  return cut_evenly(shape.channels, argmax_channels(static_cast<int>(shape.window.width)));
}

Extent2d extent_of_maxima(const DirectShape& shape) { return {shape.output.height / 2, shape.output.width / 2}; }

// The maxima cut into rectangles whose input stays in L1 beside the sums.
struct Parts {
  EvenTiling rows;
  EvenTiling columns;

  explicit Parts(const DirectShape& shape) {
    constexpr int64_t kMostColumns = 16;
    constexpr int64_t kFloats = 6 * 1024;
    const Extent2d maxima = extent_of_maxima(shape);
    columns = cut_evenly(maxima.width, kMostColumns);
    const int64_t row = (2 * columns.largest() + shape.window.width - 1) * channel_tiles(shape).largest() * kLanes;
    rows = cut_evenly(maxima.height, std::max<int64_t>((kFloats / row - shape.window.height + 1) / 2, 1));
  }

  int64_t count() const { return rows.count * columns.count; }
  int64_t largest() const { return rows.largest() * columns.largest(); }
};

// A part's maxima: the gradient of each, which is 0 where nothing won, and two sets of lanes, those whose winner is in
// the lower row of its window and those in its right column.
struct Chosen {
  float* gradients;  // [maxima][16]
  uint8_t* sets;     // [maxima][2][16 bits]

  static constexpr int64_t kSetBytes = kLanes / 8;
  static constexpr int64_t kFloats = kLanes + 2 * kSetBytes / sizeof(float);  // of a maximum

  Chosen from(int64_t maximum) const { return {gradients + maximum * kLanes, sets + maximum * 2 * kSetBytes}; }
};

}  // namespace
}  // namespace gradloom
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

constexpr bool kWholeBlocks = HWY_MAX_BYTES >= kLanes * sizeof(float);

// One filter's maxima, of a rectangle in rows of dy_row floats. Adds their gradients to a vector.
[[maybe_unused]] void choose(const Extent2d& maxima, int64_t dy_row, const float* HWY_RESTRICT dy,
                             const ArgmaxTap* HWY_RESTRICT winners, const Chosen& chosen, float* HWY_RESTRICT sum) {
  const D d;
  float* HWY_RESTRICT gradient = chosen.gradients;
  uint8_t* HWY_RESTRICT sets = chosen.sets;
  V total = hn::Load(d, sum);
  // The next part's come from far behind the caches.
  const int64_t ahead = maxima.height * dy_row;
  for (int64_t p = 0; p < maxima.height; ++p, dy += dy_row, winners += dy_row) {
    for (int64_t at = 0; at < maxima.width * kLanes; at += kLanes) {
      hwy::Prefetch(dy + at + ahead);
      hwy::Prefetch(winners + at + ahead);
      const ArgmaxGradient<D> won(dy + at, winners + at);
      hn::Store(won.of_any(), d, gradient);
      hn::StoreMaskBits(d, won.in_lower_row(), sets);
      hn::StoreMaskBits(d, won.in_right_column(), sets + Chosen::kSetBytes);
      total = hn::Add(total, won.of_any());
      gradient += kLanes;
      sets += 2 * Chosen::kSetBytes;
    }
  }
  hn::Store(total, d, sum);
}

// What a part's maxima meet with one row of the window.
struct ArgmaxRow {
  const float* x;
  int64_t x_channel;
  int64_t x_row;
  Extent2d maxima;
};

// sums[k][c][s][16], kFilters x kChannels x kTaps of them.
template <int kFilters, int kChannels, int kTaps>
void argmax_tile(const ArgmaxRow& row, const Chosen& chosen, float* HWY_RESTRICT sums) {
  const D d;
  const int64_t x_channel = row.x_channel;
  const int64_t x_row = row.x_row;
  const int64_t width = row.maxima.width;
  const int64_t maxima = row.maxima.height * width;
  const int64_t x_line = 2 * (x_row - (width - 1) * kLanes);
  V sum[kFilters][kChannels][kTaps];
  // Unrolled late, they would keep the sums in memory.
  HWY_UNROLL(8)
  for (int k = 0; k < kFilters; ++k) {
    HWY_UNROLL(8)
    for (int c = 0; c < kChannels; ++c) {
      HWY_UNROLL(8)
      for (int s = 0; s < kTaps; ++s) sum[k][c][s] = hn::Load(d, sums + ((k * kChannels + c) * kTaps + s) * kLanes);
    }
  }
  const float* HWY_RESTRICT x = row.x;
  const float* HWY_RESTRICT gradient = chosen.gradients;
  const uint8_t* HWY_RESTRICT sets = chosen.sets;
  int64_t left = width;
  for (int64_t i = 0; i < maxima; ++i) {
    V g[kFilters];
    hn::Mask<D> is_lower[kFilters];
    hn::Mask<D> is_right[kFilters];
    HWY_UNROLL(8)
    for (int k = 0; k < kFilters; ++k) {
      g[k] = hn::Load(d, gradient + k * maxima * kLanes);
      is_lower[k] = hn::LoadMaskBits(d, sets + k * maxima * 2 * Chosen::kSetBytes);
      is_right[k] = hn::LoadMaskBits(d, sets + (k * maxima * 2 + 1) * Chosen::kSetBytes);
    }
    HWY_UNROLL(8)
    for (int c = 0; c < kChannels; ++c) {
      const float* const upper_row = in_register(x + c * x_channel);
      const float* const lower_row = in_register(upper_row + x_row);
      V before[kFilters];
      HWY_UNROLL(8)
      for (int s = 0; s <= kTaps; ++s) {
        const V upper = in_register(hn::Load(d, upper_row + s * kLanes));
        const V lower = in_register(hn::Load(d, lower_row + s * kLanes));
        HWY_UNROLL(8)
        for (int k = 0; k < kFilters; ++k) {
          const V met = hn::IfThenElse(is_lower[k], lower, upper);
          if (s > 0) sum[k][c][s - 1] = hn::MulAdd(hn::IfThenElse(is_right[k], met, before[k]), g[k], sum[k][c][s - 1]);
          before[k] = met;
        }
      }
    }
    const bool ends = --left == 0;
    left = ends ? width : left;
    x += ends ? x_line : 2 * kLanes;
    gradient += kLanes;
    sets += 2 * Chosen::kSetBytes;
  }
  HWY_UNROLL(8)
  for (int k = 0; k < kFilters; ++k) {
    HWY_UNROLL(8)
    for (int c = 0; c < kChannels; ++c) {
      HWY_UNROLL(8)
      for (int s = 0; s < kTaps; ++s) hn::Store(sum[k][c][s], d, sums + ((k * kChannels + c) * kTaps + s) * kLanes);
    }
  }
}

using ArgmaxTile = void (*)(const ArgmaxRow&, const Chosen&, float*);

// The tile of exactly so many filters, channels and taps of a row.
template <int kTaps, int kChannels, int kFilters = argmax_filters(kChannels)>
ArgmaxTile argmax_tile_of(int64_t filters) {
  if constexpr (kFilters > 1) {
    if (filters < kFilters) return argmax_tile_of<kTaps, kChannels, kFilters - 1>(filters);
  }
  return argmax_tile<kFilters, kChannels, kTaps>;
}

template <int kTaps, int kChannels = argmax_channels(kTaps)>
ArgmaxTile argmax_tile_of(int64_t filters, int64_t channels) {
  if constexpr (kChannels > 1) {
    if (channels < kChannels) return argmax_tile_of<kTaps, kChannels - 1>(filters, channels);
  }
  return argmax_tile_of<kTaps, kChannels>(filters);
}

template <int kTaps = kMostTaps>
ArgmaxTile argmax_tile_of(int64_t filters, int64_t channels, int64_t taps) {
  if constexpr (kTaps > 2) {
    if (taps < kTaps) return argmax_tile_of<kTaps - 1>(filters, channels, taps);
  }
  return argmax_tile_of<kTaps>(filters, channels);
}

bool ArgmaxGradientFits() { return kWholeBlocks; }

// The sums as they are in the scratch: [tile of filters][r][k][c][s][16].
struct ArgmaxSums {
  const DirectShape& shape;
  const WeightRange& range;
  EvenTiling tiles;

  ArgmaxSums(const DirectShape& shape, const WeightRange& range)
      : shape(shape),
        range(range),
        tiles(cut_evenly(range.filters, argmax_filters(static_cast<int>(range.channels)))) {}

  int64_t count() const { return range.filters * range.channels * shape.taps(); }

  // From a part's maxima, `chosen` filter by filter.
  void add_part(const ArgmaxRow& part, const Chosen& chosen, float* sums) const {
    const int64_t maxima = part.maxima.height * part.maxima.width;
    for (int64_t tile = 0; tile < tiles.count; ++tile) {
      const ArgmaxTile add = argmax_tile_of(tiles.size(tile), range.channels, shape.window.width);
      for (int64_t r = 0; r < shape.window.height; ++r) {
        ArgmaxRow row = part;
        row.x += r * part.x_row;
        add(row, chosen.from(tiles.first(tile) * maxima), sums);
        sums += tiles.size(tile) * range.channels * shape.window.width * kLanes;
      }
    }
  }

  void reduce(const float* sums, bool add, float* gradient) const {
    const D d;
    for (int64_t tile = 0; tile < tiles.count; ++tile) {
      for (int64_t r = 0; r < shape.window.height; ++r) {
        for (int64_t k = range.filter + tiles.first(tile); k < range.filter + tiles.first(tile + 1); ++k) {
          for (int64_t c = range.channel; c < range.channel + range.channels; ++c) {
            float* out = gradient + (k * shape.window.height + r) * shape.window.width * shape.channels + c;
            for (int64_t s = 0; s < shape.window.width; ++s, sums += kLanes, out += shape.channels) {
              const float sum = hn::ReduceSum(d, hn::Load(d, sums));
              *out = add ? *out + sum : sum;
            }
          }
        }
      }
    }
  }
};

void ArgmaxGradient2d(const DirectShape& shape, const WeightRange& range, const ArgmaxGradientOperands& o, bool add,
                      float* scratch, float* gradient, float* bias) {
  if constexpr (kWholeBlocks) {
    const ArgmaxSums sums(shape, range);
    const Parts parts(shape);
    const Extent2d maxima = extent_of_maxima(shape);
    const int64_t dy_row = maxima.width * kLanes;
    const int64_t dy_filter = maxima.height * dy_row;
    float* const biases = scratch + sums.count() * kLanes;
    float* const gradients = biases + range.filters * kLanes;
    const Chosen chosen{gradients, reinterpret_cast<uint8_t*>(gradients + range.filters * parts.largest() * kLanes)};
    std::fill_n(scratch, (sums.count() + range.filters) * kLanes, 0.0F);
    ArgmaxRow row{};
    row.x_row = shape.input.width * kLanes;
    row.x_channel = shape.input.height * row.x_row;
    for (int64_t job = 0; job < o.blocks * parts.count(); ++job) {
      const int64_t block = job / parts.count();
      const int64_t part = job % parts.count();
      const int64_t p = parts.rows.first(part / parts.columns.count);
      const int64_t q = parts.columns.first(part % parts.columns.count);
      row.maxima = {parts.rows.size(part / parts.columns.count), parts.columns.size(part % parts.columns.count)};
      row.x = o.x + block * o.x_block + range.channel * row.x_channel + 2 * (p * row.x_row + q * kLanes);
      const int64_t from = block * o.dy_block + p * dy_row + q * kLanes;
      for (int64_t k = 0; k < range.filters; ++k) {
        choose(row.maxima, dy_row, o.dy + from + k * dy_filter, o.winners + from + k * dy_filter,
               chosen.from(k * row.maxima.height * row.maxima.width), biases + k * kLanes);
      }
      sums.add_part(row, chosen, scratch);
    }
    sums.reduce(scratch, add, gradient);
    for (int64_t k = 0; bias != nullptr && k < range.filters; ++k) {
      const float sum = hn::ReduceSum(D(), hn::Load(D(), biases + k * kLanes));
      bias[k] = add ? bias[k] + sum : sum;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(ArgmaxGradientFits);
HWY_EXPORT(ArgmaxGradient2d);

bool argmax_gradient_fits(const DirectShape& shape) {
  const bool is_dense =
      shape.stride.height * shape.stride.width == 1 && shape.dilation.height * shape.dilation.width == 1;
  const bool has_tile = shape.window.width > 1 && shape.window.width <= kMostTaps;
  return is_dense && has_tile && HWY_DYNAMIC_DISPATCH(ArgmaxGradientFits)();
}

WeightGradientTiles argmax_gradient_tiles(const DirectShape& shape, int64_t blocks) {
  return cut_weight_gradient(shape, blocks, cut_evenly(shape.filters, kJobFilters), channel_tiles(shape));
}

double argmax_gradient_flops(const DirectShape& shape) {
  const Extent2d maxima = extent_of_maxima(shape);
  const int64_t rows = shape.filters * shape.channels * shape.window.height * maxima.height * maxima.width;
  return 2 * static_cast<double>(rows) * static_cast<double>(3 * shape.window.width + 1);
}

int64_t argmax_gradient_scratch(const DirectShape& shape) {
  const int64_t filters = cut_evenly(shape.filters, kJobFilters).largest();
  const int64_t sums = channel_tiles(shape).largest() * shape.taps() + 1;  // that of the bias is one
  constexpr int64_t kMaskSlack = 2;  // Highway's mask bits may be stored and loaded as eight bytes
  return round_up(filters * (sums * kLanes + Parts(shape).largest() * Chosen::kFloats) + kMaskSlack, kLanes);
}

void conv2d_argmax_gradient(const DirectShape& shape, const WeightRange& range, const ArgmaxGradientOperands& operands,
                            Accumulate accumulate, float* scratch, float* gradient, float* bias) {
  HWY_DYNAMIC_DISPATCH(ArgmaxGradient2d)
  (shape, range, operands, accumulate == Accumulate::kAdd, scratch, gradient, bias);
}

}  // namespace gradloom
#endif  // HWY_ONCE
