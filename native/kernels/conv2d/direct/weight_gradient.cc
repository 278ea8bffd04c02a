#include "kernels/conv2d/direct/weight_gradient.h"

#include <algorithm>

#include "kernels/layout/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/direct/weight_gradient.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Vectors a block, and the tile that keeps its sums in registers, as in the forward pass
// (kernels/conv2d/direct/tile-inl.h).
#if HWY_MAX_BYTES >= 64
constexpr int kVectors = 1;
constexpr int kGradientFilters = 4;  // 4 x 6 accumulators
constexpr int kGradientProducts = 6;
constexpr int kSingleChannelTaps = 5;
#elif HWY_MAX_BYTES == 32
constexpr int kVectors = 2;
constexpr int kGradientFilters = 2;
constexpr int kGradientProducts = 6;
constexpr int kSingleChannelTaps = 5;
#else
constexpr int kVectors = 4;
constexpr int kGradientFilters = 4;
constexpr int kGradientProducts = 3;
constexpr int kSingleChannelTaps = 3;
#endif
constexpr int kVectorFloats = static_cast<int>(kLanes) / kVectors;
// Taps of a window's row whose gradients are summed at once, with as many channels as fit. Of one channel
// kSingleChannelTaps: where there is no other, or where these are a whole row, which then is read once.
constexpr int kGradientTaps = 3;
// Rows of seven taps, or on AVX2 of so many that groups of four fill more registers than of three, meet more filters of
// one channel.
constexpr int kWideTaps = kVectors == 1 ? 7 : 4;
constexpr int kFewestWideTaps = kVectors == 1 ? 7 : 3;
constexpr int kWideFilters = 3;
constexpr bool is_wide(int64_t taps) {
  if (kVectors == 1) return taps == kWideTaps;
  return kVectors == 2 && taps >= kWideTaps && (taps % 4 == 0 || taps % 4 == 3);
}
constexpr int gradient_channels(int taps) { return kGradientProducts / taps; }
constexpr int kMostChannels = gradient_channels(1);

// The colors of a picture with windows of three columns: 3 filters x 3 channels x 3 taps, so that a tile reads each
// pixel's gradient once for all of them.
bool fits_colors(const DirectShape& shape) { return kVectors == 1 && shape.channels == 3 && shape.window.width == 3; }
constexpr int kColorFilters = 3;
constexpr int kColors = 3;

// Of one window row, and of some blocks and rows of the output.
struct GradientRow {
  const DirectShape& shape;
  const WeightGradientOperands& operands;  // from the first block on
  const float* x;                          // of the first row's first pixel, of the tile's first channel and tap
  const float* dz;
  int64_t rows;
};

// sums: kFilters x kChannels x kTaps vectors, to which those of the row are added. kInUse: lanes of a block,
// all or the first half.
template <int kFilters, int kChannels, int kTaps, int64_t kInUse>
HWY_INLINE void gradient_tile(const GradientRow& row, float* HWY_RESTRICT sums) {
  const hn::CappedTag<float, kInUse> d;
  using V = hn::Vec<decltype(d)>;
  constexpr auto kFloats = static_cast<int>(hn::MaxLanes(d));
  const DirectShape& shape = row.shape;
  const WeightGradientOperands& o = row.operands;
  const int64_t x_channel = shape.input.height * shape.input.width * kLanes;
  const int64_t x_row = shape.stride.height * shape.input.width * kLanes;
  const int64_t x_pixel = shape.stride.width * kLanes;
  const int64_t tap = shape.dilation.width * kLanes;
  V sum[kFilters][kChannels][kTaps];
  for (int k = 0; k < kFilters; ++k) {
    for (int c = 0; c < kChannels; ++c) {
      for (int s = 0; s < kTaps; ++s)
        sum[k][c][s] = hn::Load(d, sums + ((k * kChannels + c) * kTaps + s) * kVectorFloats);
    }
  }
  const int64_t width = shape.output.width;
  const int64_t x_line = x_row - (width - 1) * x_pixel;
  const int64_t dz_line = o.dz_row - (width - 1) * o.dz_pixel;
  for (int64_t block = 0; block < o.blocks; ++block) {
    const float* HWY_RESTRICT x = row.x + block * o.x_block;
    const float* HWY_RESTRICT dz = row.dz + block * o.dz_block;
    // One loop for all rows: the end of a short one is a branch that processors take wrong.
    int64_t left = width;
    for (int64_t pixel = row.rows * width; pixel > 0; --pixel) {
      // The vectors of a block one after another, so that the accumulators fit.
      for (int64_t lane = 0; lane < kInUse; lane += kFloats) {
        V g[kFilters];
        for (int k = 0; k < kFilters; ++k) g[k] = in_register(hn::Load(d, dz + k * o.dz_channel + lane));
        for (int c = 0; c < kChannels; ++c) {
          for (int s = 0; s < kTaps; ++s) {
            const V v = in_register(hn::Load(d, x + c * x_channel + s * tap + lane));
            for (int k = 0; k < kFilters; ++k) sum[k][c][s] = hn::MulAdd(v, g[k], sum[k][c][s]);
          }
        }
      }
      const bool ends = --left == 0;
      left = ends ? width : left;
      x += ends ? x_line : x_pixel;
      dz += ends ? dz_line : o.dz_pixel;
    }
  }
  for (int k = 0; k < kFilters; ++k) {
    for (int c = 0; c < kChannels; ++c) {
      for (int s = 0; s < kTaps; ++s)
        hn::Store(sum[k][c][s], d, sums + ((k * kChannels + c) * kTaps + s) * kVectorFloats);
    }
  }
}

using GradientTile = void (*)(const GradientRow&, float*);

// The tile of exactly so many channels, which are no more than fit beside the taps.
template <int64_t kInUse, int kFilters, int kTaps, int kChannels = gradient_channels(std::min(kTaps, kGradientTaps))>
GradientTile gradient_tile_of(int64_t channels) {
  if constexpr (kChannels > 1) {
    if (channels < kChannels) return gradient_tile_of<kInUse, kFilters, kTaps, kChannels - 1>(channels);
  }
  return gradient_tile<kFilters, kChannels, kTaps, kInUse>;
}

template <int64_t kInUse, int kFilters>
GradientTile gradient_tile_of(int64_t channels, int64_t taps) {
  switch (taps) {
    case 1: return gradient_tile_of<kInUse, kFilters, 1>(channels);
    case 2: return gradient_tile_of<kInUse, kFilters, 2>(channels);
    case 3: return gradient_tile_of<kInUse, kFilters, 3>(channels);
    case 4: return gradient_tile<kFilters, 1, std::min(4, kSingleChannelTaps), kInUse>;
    default: return gradient_tile<kFilters, 1, kSingleChannelTaps, kInUse>;
  }
}

template <int64_t kInUse, int kTaps>
GradientTile wide_tile_of(int64_t filters, int64_t taps) {
  if constexpr (kTaps > kFewestWideTaps) {
    if (taps < kTaps) return wide_tile_of<kInUse, kTaps - 1>(filters, taps);
  }
  switch (filters) {
    case 1: return gradient_tile<1, 1, kTaps, kInUse>;
    case 2: return gradient_tile<2, 1, kTaps, kInUse>;
    default: return gradient_tile<kWideFilters, 1, kTaps, kInUse>;
  }
}

// `wide`: of a row that is.
template <int64_t kInUse>
GradientTile gradient_tile_of(bool wide, int64_t filters, int64_t channels, int64_t taps) {
  if constexpr (kVectors <= 2) {
    if (wide) return wide_tile_of<kInUse, kWideTaps>(filters, taps);
  }
  if constexpr (kVectors == 1) {
    if (channels == kColors && taps == 3) {
      switch (filters) {
        case 1: return gradient_tile<1, kColors, 3, kInUse>;
        case 2: return gradient_tile<2, kColors, 3, kInUse>;
        default: return gradient_tile<kColorFilters, kColors, 3, kInUse>;
      }
    }
  }
  switch (filters) {
    case 1: return gradient_tile_of<kInUse, 1>(channels, taps);
    case 2: return gradient_tile_of<kInUse, 2>(channels, taps);
    case 3: return gradient_tile_of<kInUse, (kGradientFilters >= 3 ? 3 : 2)>(channels, taps);
    default: return gradient_tile_of<kInUse, kGradientFilters>(channels, taps);
  }
}

int64_t GradientFilters(const DirectShape& shape) {
  return fits_colors(shape) ? kColorFilters : is_wide(shape.window.width) ? kWideFilters : kGradientFilters;
}

// Blocks and rows of the output whose operands stay in L1 from one set of sums to the next: with AVX-512, whose sets
// are large, the gradients and the input of one row of the window, else the input of all. With strides of 1 a row is
// not read anew for each tap, and L2 is fast enough.
struct GradientBands {
  Tiling blocks;
  Tiling rows;
};
GradientBands gradient_bands(const DirectShape& shape, int64_t channels, int64_t blocks) {
  constexpr int64_t kFloats = (kVectors == 1 ? 8 : 5) * 1024;
  const int64_t height = shape.output.height;
  if (shape.stride.width == 1) return {cut(blocks, 1), cut(height, 1)};
  const int64_t row = channels * shape.input.width * kLanes;
  int64_t rows = 1;
  if (kVectors == 1) {
    rows = std::max<int64_t>(1, kFloats / (row + kGradientFilters * shape.output.width * kLanes));
  } else {
    const int64_t image = row * shape.input.height;
    if (image <= kFloats) return {cut(blocks, ceil_divide(blocks * image, kFloats)), cut(height, 1)};
    const int64_t reach = (shape.window.height - 1) * shape.dilation.height + 1;
    rows = 1 + std::max<int64_t>(kFloats / row - reach, 0) / shape.stride.height;
  }
  // Some images at once, or some rows of one.
  if (rows > height) return {cut(blocks, ceil_divide(blocks, rows / height)), cut(height, 1)};
  return {cut(blocks, blocks), cut(height, ceil_divide(height, rows))};
}

// Some taps of one window row, whose sums for a tile of filters and one of channels are kept at once.
struct GradientSet {
  int64_t row;
  int64_t first_tap;
  int64_t taps;
  GradientTile tile;
  GradientTile half_tile;  // of a block's first half
};

// Sets whose sums stay in L1 beside what they read.
constexpr int64_t kSets = 16;
struct GradientSets {
  WeightRange range;
  int64_t set_floats;  // of the sums, from set to set
  int64_t count;
  GradientSet sets[kSets];
};

struct OutputRows {
  int64_t first;
  int64_t end;
};

// Adds what some blocks and rows of the output have of each set.
void add_band(const DirectShape& shape, const GradientSets& sets, const WeightGradientOperands& band,
              const OutputRows& rows, float* sums) {
  WeightGradientOperands whole = band;
  if (band.lanes == kHalfLanes) --whole.blocks;
  WeightGradientOperands half = band;
  half.blocks = band.blocks - whole.blocks;
  for (int64_t i = 0; i < sets.count; ++i, sums += sets.set_floats) {
    const GradientSet& set = sets.sets[i];
    const int64_t down = set.row * shape.dilation.height;
    const auto rows_before = [&](int64_t end) {
      return count_before(end - down, shape.stride.height, shape.output.height);
    };
    // Those whose tap is not on zeros.
    const int64_t first = std::max(rows.first, rows_before(shape.zeros.above));
    const int64_t end = std::min(rows.end, rows_before(shape.input.height - shape.zeros.below));
    if (first >= end) continue;
    const int64_t x_row = first * shape.stride.height + down;
    const int64_t x_column = set.first_tap * shape.dilation.width;
    const float* const x =
        band.x + sets.range.channel * plane_floats(shape.input) + (x_row * shape.input.width + x_column) * kLanes;
    const float* const dz = band.dz + first * band.dz_row;
    set.tile({shape, whole, x, dz, end - first}, sums);
    if (half.blocks == 0) continue;
    set.half_tile({shape, half, x + whole.blocks * band.x_block, dz + whole.blocks * band.dz_block, end - first}, sums);
  }
}

void gradient_of_sums(const DirectShape& shape, const GradientSets& sets, const float* sums, bool add,
                      float* gradient) {
  const D d;
  const WeightRange& range = sets.range;
  for (int64_t i = 0; i < sets.count; ++i, sums += sets.set_floats) {
    const GradientSet& set = sets.sets[i];
    const float* sum = sums;
    for (int64_t k = 0; k < range.filters; ++k) {
      float* const row =
          gradient + ((range.filter + k) * shape.window.height + set.row) * shape.window.width * shape.channels;
      for (int64_t c = range.channel; c < range.channel + range.channels; ++c) {
        for (int64_t s = set.first_tap; s < set.first_tap + set.taps; ++s, sum += kVectorFloats) {
          const float total = hn::ReduceSum(d, hn::Load(d, sum));
          float& out = row[s * shape.channels + c];
          out = add ? out + total : total;
        }
      }
    }
  }
}

void gradient_of_sets(const DirectShape& shape, const GradientSets& sets, const WeightGradientOperands& o, bool add,
                      float* gradient) {
  constexpr int kMostVectors =
      std::max(kGradientFilters * kMostChannels, kWideFilters * std::max(kWideTaps, kColors * 3));
  HWY_ALIGN float sums[kSets * kMostVectors * kVectorFloats];
  std::fill_n(sums, sets.count * sets.set_floats, 0.F);
  const GradientBands bands = gradient_bands(shape, sets.range.channels, o.blocks);
  for (int64_t part = 0; part < bands.blocks.count; ++part) {
    const int64_t first = bands.blocks.first(part);
    WeightGradientOperands band = o;
    band.blocks = bands.blocks.size(part);
    band.x += first * o.x_block;
    band.dz += first * o.dz_block;
    if (part + 1 < bands.blocks.count) band.lanes = kLanes;
    for (int64_t rows = 0; rows < bands.rows.count; ++rows) {
      const int64_t top = bands.rows.first(rows);
      add_band(shape, sets, band, {top, top + bands.rows.size(rows)}, sums);
    }
  }
  gradient_of_sums(shape, sets, sums, add, gradient);
}

void WeightGradient(const DirectShape& shape, const WeightRange& range, const WeightGradientOperands& o, bool add,
                    float* gradient) {
  const int64_t taps = shape.window.width;
  // Taps of a row in nearly equal groups.
  const bool wide = is_wide(taps);
  const bool single = range.channels == 1 || taps == kSingleChannelTaps || wide;
  const EvenTiling groups = cut_evenly(taps, wide ? kWideTaps : single ? kSingleChannelTaps : kGradientTaps);
  const int64_t channels = single               ? 1
                           : fits_colors(shape) ? kColors
                                                : gradient_channels(static_cast<int>(groups.largest()));
  const EvenTiling tiles = cut_evenly(range.channels, channels);
  const int64_t sets = shape.window.height * groups.count;
  for (int64_t tile = 0; tile < tiles.count; ++tile) {
    GradientSets some{};
    some.range = {range.filter, range.filters, range.channel + tiles.first(tile), tiles.size(tile)};
    some.set_floats = range.filters * tiles.size(tile) * groups.largest() * kVectorFloats;
    for (int64_t first = 0; first < sets; first += kSets) {
      some.count = std::min(kSets, sets - first);
      for (int64_t i = 0; i < some.count; ++i) {
        const int64_t group = (first + i) % groups.count;
        const int64_t size = groups.size(group);
        some.sets[i] = {(first + i) / groups.count, groups.first(group), size,
                        gradient_tile_of<kLanes>(wide, range.filters, tiles.size(tile), size),
                        gradient_tile_of<kHalfLanes>(wide, range.filters, tiles.size(tile), size)};
      }
      gradient_of_sets(shape, some, o, add, gradient);
    }
  }
}

float BiasGradient(int64_t blocks, int64_t plane, int64_t stride, const float* dz) {
  const D d;
  // Sums side by side, since each has to wait for its last term.
  constexpr int kSums = 4;
  constexpr int64_t kStep = kSums * kVectorFloats;
  double total = 0;
  for (int64_t block = 0; block < blocks; ++block, dz += stride) {
    V sum[kSums];
    for (V& part : sum) part = hn::Zero(d);
    int64_t i = 0;
    for (; i + kStep <= plane; i += kStep) {
      for (int s = 0; s < kSums; ++s) sum[s] = hn::Add(sum[s], hn::Load(d, dz + i + s * kVectorFloats));
    }
    for (int s = 0; i < plane; i += kVectorFloats, ++s) sum[s] = hn::Add(sum[s], hn::Load(d, dz + i));
    total += hn::ReduceSum(d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
  }
  return static_cast<float>(total);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(GradientFilters);
HWY_EXPORT(WeightGradient);
HWY_EXPORT(BiasGradient);

WeightGradientTiles direct_weight_gradient_tiles(const DirectShape& shape, int64_t blocks) {
  // Single taps leave room for more channels. All filters read those of a tile, which should stay in L2.
  constexpr int64_t kChannels = 4;
  constexpr int64_t kFloats = 64 * 1024;
  const bool large = shape.channels > kChannels && kChannels * plane_floats(shape.input) > kFloats;
  const int64_t most_channels = shape.window.width == 1 ? 3 * kChannels : large ? kChannels / 2 : kChannels;
  return cut_weight_gradient(shape, blocks, cut_evenly(shape.filters, HWY_DYNAMIC_DISPATCH(GradientFilters)(shape)),
                             cut_evenly(shape.channels, most_channels));
}

WeightGradientTiles cut_weight_gradient(const DirectShape& shape, int64_t blocks, const EvenTiling& filters,
                                        const EvenTiling& channels) {
  constexpr int64_t kPixels = 1024;
  constexpr int64_t kFewestJobs = 8;
  const Tiling steps = cut(blocks, ceil_divide(blocks * shape.output.height * shape.output.width, kPixels));
  // All tiles of filters read a piece's input, which should stay in L2, if its sums are small beside it.
  constexpr int64_t kPieceFloats = 128 * 1024;
  constexpr int64_t kSumFloats = 64 * 1024;
  const int64_t input = blocks * shape.channels * shape.input.height * shape.input.width * kLanes;
  const int64_t weights = shape.filters * shape.channels * shape.taps();
  const int64_t by_input = std::min(ceil_divide(input, kPieceFloats), kSumFloats / weights);
  const int64_t by_jobs = kFewestJobs / (filters.count * channels.count);
  const int64_t pieces = std::clamp<int64_t>(std::max(by_jobs, by_input), 1, steps.count);
  return {filters, channels, steps, {steps.count, pieces}};
}

void conv2d_direct_weight_gradient(const DirectShape& shape, const WeightRange& range,
                                   const WeightGradientOperands& operands, Accumulate accumulate, float* gradient) {
  HWY_DYNAMIC_DISPATCH(WeightGradient)(shape, range, operands, accumulate == Accumulate::kAdd, gradient);
}

float conv2d_bias_gradient(int64_t blocks, int64_t plane, int64_t stride, const float* dz) {
  return HWY_DYNAMIC_DISPATCH(BiasGradient)(blocks, plane, stride, dz);
}

}  // namespace gradloom
#endif  // HWY_ONCE
