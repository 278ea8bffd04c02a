#include "kernels/conv2d_direct.h"

#include <algorithm>
#include <type_traits>

#include "kernels/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_direct.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/in_register-inl.h"
#include "kernels/largest_tap-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Vectors a block, and the tile that keeps its accumulators in registers. Two multiply-adds can start a cycle and take
// four, so at least eight must be under way; each load or broadcast should serve several.
#if HWY_MAX_BYTES >= 64
constexpr int kVectors = 1;
constexpr int kFilterTile = 6;  // 6 x 4 accumulators + 4 pixels + 1 weight of 32 registers
constexpr int kPixelTile = 4;
constexpr int kGradientFilters = 4;  // 4 x 6 accumulators
constexpr int kGradientProducts = 6;
constexpr int kSingleChannelTaps = 5;
#elif HWY_MAX_BYTES == 32
constexpr int kVectors = 2;
constexpr int kFilterTile = 6;  // 6 x 1 x 2 of 16 registers
constexpr int kPixelTile = 1;
constexpr int kGradientFilters = 2;
constexpr int kGradientProducts = 6;
constexpr int kSingleChannelTaps = 5;
#else
constexpr int kVectors = 4;
constexpr int kFilterTile = 3;  // 3 x 1 x 4 of 16 registers (NEON has 32)
constexpr int kPixelTile = 1;
constexpr int kGradientFilters = 4;
constexpr int kGradientProducts = 3;
constexpr int kSingleChannelTaps = 3;
#endif
constexpr int kVectorFloats = static_cast<int>(kLanes) / kVectors;
// Taps of a window's row whose gradients are summed at once, with as many channels as fit. Of one channel
// kSingleChannelTaps: where there is no other, or where these are a whole row, which then is read once.
constexpr int kGradientTaps = 3;
constexpr int kMostTaps = std::max(kGradientTaps, kSingleChannelTaps);
constexpr int gradient_channels(int taps) { return kGradientProducts / taps; }
constexpr int kMostChannels = gradient_channels(1);

// ---- forward

constexpr int kSquarePixels = 4;  // 2 x 2

struct ForwardRow {
  const float* x;       // first tap of the first pixel of the tile's first channel
  int64_t channel;      // floats from channel to channel
  int64_t window_row;   // from tap row to tap row
  int64_t tap;          // from tap to tap
  int64_t pixel;        // from output pixel to output pixel
  int64_t line;         // from the input row of one output row to that of the next
  const float* packed;  // [C][R][S][kFilters], of the first window row and tap in question
  int64_t packed_channel;
  int64_t packed_rest;  // from the last tap of a row to the first one of the next
  int64_t channels, window_rows, taps;
};

// Pixels of a row side by side to a DirectOutput, or those of a square to a DirectMaxima. kSides: some taps of a row
// may be left out.
template <int kFilters, int kPixels, bool kSides, class Output>
HWY_INLINE void forward_tile(const ForwardRow& row, const float* bias, Activation activation, const Output& y) {
  constexpr bool kSquare = std::is_same_v<Output, DirectMaxima>;
  const D d;
  V sum[kFilters][kPixels][kVectors];
  for (int k = 0; k < kFilters; ++k) {
    const V start = bias == nullptr ? hn::Zero(d) : hn::Set(d, bias[k]);
    for (int j = 0; j < kPixels; ++j) {
      for (int m = 0; m < kVectors; ++m) sum[k][j][m] = start;
    }
  }
  for (int64_t c = 0; c < row.channels; ++c) {
    const float* HWY_RESTRICT w = row.packed + c * row.packed_channel;
    for (int64_t r = 0; r < row.window_rows; ++r) {
      const float* HWY_RESTRICT x = row.x + c * row.channel + r * row.window_row;
      for (int64_t s = 0; s < row.taps; ++s, x += row.tap, w += kFilters) {
        V v[kPixels][kVectors];
        for (int j = 0; j < kPixels; ++j) {
          const int64_t at = kSquare ? j / 2 * row.line + j % 2 * row.pixel : j * row.pixel;
          for (int m = 0; m < kVectors; ++m) v[j][m] = in_register(hn::Load(d, x + at + m * kVectorFloats));
        }
        for (int k = 0; k < kFilters; ++k) {
          const V weight = hn::Set(d, w[k]);
          for (int j = 0; j < kPixels; ++j) {
            for (int m = 0; m < kVectors; ++m) sum[k][j][m] = hn::MulAdd(v[j][m], weight, sum[k][j][m]);
          }
        }
      }
      if constexpr (kSides) w += row.packed_rest;
    }
  }
  for (int k = 0; k < kFilters; ++k) {
    for (int j = 0; j < kPixels; ++j) {
      for (int m = 0; m < kVectors; ++m) {
        V z = sum[k][j][m];
        if (activation == Activation::kRelu) z = hn::IfThenZeroElse(hn::Lt(z, hn::Zero(d)), z);
        if constexpr (kSquare) {
          sum[k][j][m] = z;
        } else {
          hn::Store(z, d, y.data + k * y.filter + j * y.pixel + m * kVectorFloats);
        }
      }
    }
  }
  if constexpr (kSquare) {
    const Winners kept = activation == Activation::kRelu ? Winners::kOfPositive : Winners::kOfAll;
    for (int k = 0; k < kFilters; ++k) {
      for (int m = 0; m < kVectors; ++m) {
        LargestTap<D> largest(0, sum[k][0][m]);
        for (int tap = 1; tap < kPixels; ++tap) largest.meet(tap, sum[k][tap][m]);
        const int64_t to = k * y.filter + m * kVectorFloats;
        hn::Store(largest.value(), d, y.data + to);
        if (y.winners != nullptr) largest.store_tap(kept, y.winners + to);
      }
    }
  }
}

template <int kFilters>
HWY_INLINE ForwardRow forward_row(const DirectShape& shape) {
  ForwardRow row{};
  row.channel = shape.input.height * shape.input.width * kLanes;
  row.window_row = shape.dilation.height * shape.input.width * kLanes;
  row.tap = shape.dilation.width * kLanes;
  row.pixel = shape.stride.width * kLanes;
  row.line = shape.stride.height * shape.input.width * kLanes;
  row.packed_channel = shape.taps() * kFilters;
  row.channels = shape.channels;
  row.taps = shape.window.width;
  return row;
}

// How many of the `count` positions 0, step, 2 step.. lie before `end`.
int64_t count_before(int64_t end, int64_t step, int64_t count) {
  if (end <= 0) return 0;
  return end > (count - 1) * step ? count : (end + step - 1) / step;
}

// The taps of an axis that meet something else than zeros from an output on whose window begins at `from`, or from one
// of several up to that at `to`.
struct MetTaps {
  int64_t first;
  int64_t count;
};
MetTaps met_taps(int64_t from, int64_t to, int64_t zeros_before, int64_t zeros_end, int64_t dilation, int64_t taps) {
  const int64_t first = count_before(zeros_before - to, dilation, taps);
  return {first, std::max<int64_t>(count_before(zeros_end - from, dilation, taps) - first, 0)};
}

MetTaps met_rows(const DirectShape& shape, int64_t first, int64_t count) {
  const int64_t top = first * shape.stride.height;
  return met_taps(top, top + (count - 1) * shape.stride.height, shape.zeros.above,
                  shape.input.height - shape.zeros.below, shape.dilation.height, shape.window.height);
}

// Of the pixels of an output row: nearly equal pieces instead of full ones and a thin rest.
EvenTiling row_tiles(const DirectShape& shape) {
  return {shape.output.width, (shape.output.width + kPixelTile - 1) / kPixelTile};
}

// Where the window's rows begin that output rows from `first` on meet.
struct WindowRows {
  const float* x;  // of the first output pixel
  const float* packed;
};

template <int kFilters>
HWY_INLINE WindowRows place_rows(const DirectShape& shape, int64_t first, int64_t count, const float* x,
                                 const float* packed, ForwardRow& row) {
  const MetTaps rows = met_rows(shape, first, count);
  row.window_rows = rows.count;
  row.packed = packed + rows.first * shape.window.width * kFilters;
  return {x + (first * shape.stride.height + rows.first * shape.dilation.height) * shape.input.width * kLanes,
          row.packed};
}

// Whether so many pixels at a side may meet nothing but zeros on a tap. For a single tap at each side it costs more to
// ask than to multiply.
bool skips_columns(const DirectShape& shape, int64_t pixels) {
  return std::max(shape.zeros.left, shape.zeros.right) > std::max<int64_t>((pixels - 1) * shape.stride.width, 1);
}

// The taps of those rows that output pixels from `first` on meet.
template <int kFilters, bool kSides>
HWY_INLINE void place_columns(const DirectShape& shape, int64_t first, int64_t count, const WindowRows& rows,
                              ForwardRow& row) {
  row.x = rows.x + first * row.pixel;
  if constexpr (kSides) {
    const int64_t left = first * shape.stride.width;
    const MetTaps columns = met_taps(left, left + (count - 1) * shape.stride.width, shape.zeros.left,
                                     shape.input.width - shape.zeros.right, shape.dilation.width, shape.window.width);
    row.x += columns.first * row.tap;
    row.packed = rows.packed + columns.first * kFilters;
    row.taps = columns.count;
    row.packed_rest = (shape.window.width - columns.count) * kFilters;
  }
}

template <int kFilters, bool kSides>
void forward_filters(const DirectShape& shape, const float* x, const float* packed, const float* bias,
                     Activation activation, const DirectOutput& y) {
  ForwardRow row = forward_row<kFilters>(shape);
  const EvenTiling tiles = row_tiles(shape);
  for (int64_t p = 0; p < shape.output.height; ++p) {
    const WindowRows rows = place_rows<kFilters>(shape, p, 1, x, packed, row);
    for (int64_t tile = 0, q = 0, next = 0; tile < tiles.count; ++tile, q = next) {
      next = tiles.first(tile + 1);
      const int64_t pixels = next - q;
      place_columns<kFilters, kSides>(shape, q, pixels, rows, row);
      const DirectOutput out{y.data + p * y.row + q * y.pixel, y.filter, y.row, y.pixel};
      switch (pixels) {
        case 1: forward_tile<kFilters, 1, kSides>(row, bias, activation, out); break;
        case 2: forward_tile<kFilters, kPixelTile >= 2 ? 2 : 1, kSides>(row, bias, activation, out); break;
        case 3: forward_tile<kFilters, kPixelTile >= 3 ? 3 : 1, kSides>(row, bias, activation, out); break;
        default: forward_tile<kFilters, kPixelTile, kSides>(row, bias, activation, out); break;
      }
    }
  }
}

template <int kFilters, bool kSides>
void forward_squares(const DirectShape& shape, const float* x, const float* packed, const float* bias,
                     Activation activation, const DirectMaxima& y) {
  ForwardRow row = forward_row<kFilters>(shape);
  DirectMaxima out = y;
  for (int64_t p = 0; p < shape.output.height; p += 2) {
    const WindowRows rows = place_rows<kFilters>(shape, p, 2, x, packed, row);
    for (int64_t q = 0; q < shape.output.width; q += 2) {
      place_columns<kFilters, kSides>(shape, q, 2, rows, row);
      forward_tile<kFilters, kSquarePixels, kSides>(row, bias, activation, out);
      out.data += kLanes;
      if (out.winners != nullptr) out.winners += kLanes;
    }
  }
}

int64_t FilterTileSize() { return kFilterTile; }
// Where a tile has room for their sums.
bool TakesSquares() { return kPixelTile >= kSquarePixels; }

// Calls body(std::integral_constant<int, filters>).
template <class Body>
HWY_INLINE void with_filters(int64_t filters, Body body) {
  switch (filters) {
    case 1: body(std::integral_constant<int, 1>()); break;
    case 2: body(std::integral_constant<int, 2>()); break;
    case 3: body(std::integral_constant<int, 3>()); break;
    case 4: body(std::integral_constant < int, kFilterTile >= 4 ? 4 : 3 > ()); break;
    case 5: body(std::integral_constant < int, kFilterTile >= 5 ? 5 : 3 > ()); break;
    default: body(std::integral_constant<int, kFilterTile>()); break;
  }
}

void Forward(const DirectShape& shape, int64_t filters, const float* x, const float* packed, const float* bias,
             Activation activation, const DirectOutput& y) {
  if (shape.output.width == 0) return;  // a phase without pixels
  const bool sides = skips_columns(shape, row_tiles(shape).size(0));
  with_filters(filters, [&](auto count) {
    sides ? forward_filters<count(), true>(shape, x, packed, bias, activation, y)
          : forward_filters<count(), false>(shape, x, packed, bias, activation, y);
  });
}

void ForwardMaxima(const DirectShape& shape, int64_t filters, const float* x, const float* packed, const float* bias,
                   Activation activation, const DirectMaxima& y) {
  if constexpr (kPixelTile >= kSquarePixels) {
    const bool sides = skips_columns(shape, 2);
    with_filters(filters, [&](auto count) {
      sides ? forward_squares<count(), true>(shape, x, packed, bias, activation, y)
            : forward_squares<count(), false>(shape, x, packed, bias, activation, y);
    });
  }
}

// ---- gradient of the weights

struct GradientRow {
  const DirectShape& shape;
  const WeightGradientOperands& operands;
  const float* x;       // of the tile's first channel, window row and tap
  int64_t first, rows;  // of the output: those whose tap is not on zeros
};

// total[k][c][s], kFilters x kChannels x kTaps sums.
template <int kFilters, int kChannels, int kTaps>
HWY_INLINE void gradient_tile(const GradientRow& row, float (*total)[kMostChannels][kMostTaps]) {
  const D d;
  const DirectShape& shape = row.shape;
  const WeightGradientOperands& o = row.operands;
  const int64_t x_channel = shape.input.height * shape.input.width * kLanes;
  const int64_t x_row = shape.stride.height * shape.input.width * kLanes;
  const int64_t x_pixel = shape.stride.width * kLanes;
  const int64_t tap = shape.dilation.width * kLanes;
  V sum[kFilters][kChannels][kTaps];
  for (int k = 0; k < kFilters; ++k) {
    for (int c = 0; c < kChannels; ++c) {
      for (int s = 0; s < kTaps; ++s) sum[k][c][s] = hn::Zero(d);
    }
  }
  const int64_t width = shape.output.width;
  const int64_t x_line = x_row - (width - 1) * x_pixel;
  const int64_t dz_line = o.dz_row - (width - 1) * o.dz_pixel;
  for (int64_t block = 0; block < o.blocks; ++block) {
    const float* HWY_RESTRICT x = row.x + block * o.x_block + row.first * x_row;
    const float* HWY_RESTRICT dz = o.dz + block * o.dz_block + row.first * o.dz_row;
    // One loop for all rows: the end of a short one is a branch that processors take wrong.
    int64_t left = width;
    for (int64_t pixel = row.rows * width; pixel > 0; --pixel) {
      // The vectors of a block one after another, so that the accumulators fit.
      for (int m = 0; m < kVectors; ++m) {
        V g[kFilters];
        for (int k = 0; k < kFilters; ++k) g[k] = in_register(hn::Load(d, dz + k * o.dz_channel + m * kVectorFloats));
        for (int c = 0; c < kChannels; ++c) {
          for (int s = 0; s < kTaps; ++s) {
            const V v = in_register(hn::Load(d, x + c * x_channel + s * tap + m * kVectorFloats));
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
      for (int s = 0; s < kTaps; ++s) total[k][c][s] = hn::ReduceSum(d, sum[k][c][s]);
    }
  }
}

using GradientTile = void (*)(const GradientRow&, float (*)[kMostChannels][kMostTaps]);

// The tile of exactly so many channels, which are no more than fit beside the taps.
template <int kFilters, int kTaps, int kChannels = gradient_channels(std::min(kTaps, kGradientTaps))>
GradientTile gradient_tile_of(int64_t channels) {
  if constexpr (kChannels > 1) {
    if (channels < kChannels) return gradient_tile_of<kFilters, kTaps, kChannels - 1>(channels);
  }
  return gradient_tile<kFilters, kChannels, kTaps>;
}

template <int kFilters>
GradientTile gradient_tile_of(int64_t channels, int64_t taps) {
  switch (taps) {
    case 1: return gradient_tile_of<kFilters, 1>(channels);
    case 2: return gradient_tile_of<kFilters, 2>(channels);
    case 3: return gradient_tile_of<kFilters, 3>(channels);
    case 4: return gradient_tile<kFilters, 1, std::min(4, kMostTaps)>;
    default: return gradient_tile<kFilters, 1, kMostTaps>;
  }
}

GradientTile gradient_tile_of(int64_t filters, int64_t channels, int64_t taps) {
  switch (filters) {
    case 1: return gradient_tile_of<1>(channels, taps);
    case 2: return gradient_tile_of<2>(channels, taps);
    case 3: return gradient_tile_of < kGradientFilters >= 3 ? 3 : 2 > (channels, taps);
    default: return gradient_tile_of<kGradientFilters>(channels, taps);
  }
}

int64_t GradientFilterTileSize() { return kGradientFilters; }

void WeightGradient(const DirectShape& shape, const WeightRange& range, const WeightGradientOperands& o, bool add,
                    float* gradient) {
  const int64_t taps = shape.window.width;
  // Taps of a row in nearly equal groups.
  const bool single = range.channels == 1 || taps == kSingleChannelTaps;
  const int64_t most = single ? kSingleChannelTaps : kGradientTaps;
  const EvenTiling groups{taps, (taps + most - 1) / most};
  const int64_t channels = single ? 1 : gradient_channels(static_cast<int>(groups.largest()));
  const EvenTiling tiles{range.channels, (range.channels + channels - 1) / channels};
  for (int64_t job = 0; job < tiles.count * shape.window.height * groups.count; ++job) {
    const int64_t s = groups.first(job % groups.count);
    const int64_t r = job / groups.count % shape.window.height;
    const int64_t tile = job / groups.count / shape.window.height;
    const int64_t channel = range.channel + tiles.first(tile);
    const int64_t down = r * shape.dilation.height;
    const auto rows_before = [&](int64_t end) {
      return count_before(end - down, shape.stride.height, shape.output.height);
    };
    const int64_t above = rows_before(shape.zeros.above);
    const int64_t rows = std::max<int64_t>(rows_before(shape.input.height - shape.zeros.below) - above, 0);
    const float* const x =
        o.x + ((channel * shape.input.height + down) * shape.input.width + s * shape.dilation.width) * kLanes;
    const GradientRow row{shape, o, x, above, rows};
    float total[kGradientFilters][kMostChannels][kMostTaps];
    gradient_tile_of(range.filters, tiles.size(tile), groups.size(job % groups.count))(row, total);
    for (int64_t k = 0; k < range.filters; ++k) {
      for (int64_t t = 0; t < groups.size(job % groups.count); ++t) {
        float* out =
            gradient + (((range.filter + k) * shape.window.height + r) * taps + s + t) * shape.channels + channel;
        for (int64_t c = 0; c < tiles.size(tile); ++c) out[c] = add ? out[c] + total[k][c][t] : total[k][c][t];
      }
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

HWY_EXPORT(FilterTileSize);
HWY_EXPORT(TakesSquares);
HWY_EXPORT(Forward);
HWY_EXPORT(ForwardMaxima);
HWY_EXPORT(GradientFilterTileSize);
HWY_EXPORT(WeightGradient);
HWY_EXPORT(BiasGradient);

namespace {

EvenTiling cut_evenly(int64_t filters, int64_t largest) { return {filters, (filters + largest - 1) / largest}; }

// packed[tile][c][r][s][k] = weight(k, c, r, s)
template <class Weight>
void pack(const DirectShape& shape, int64_t tile, float* packed, Weight weight) {
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  packed += tiles.first(tile) * shape.channels * shape.taps();
  for (int64_t c = 0; c < shape.channels; ++c) {
    for (int64_t r = 0; r < shape.window.height; ++r) {
      for (int64_t s = 0; s < shape.window.width; ++s) {
        for (int64_t k = tiles.first(tile); k < tiles.first(tile + 1); ++k) *packed++ = weight(k, c, r, s);
      }
    }
  }
}

}  // namespace

EvenTiling direct_filter_tiles(int64_t filters) { return cut_evenly(filters, HWY_DYNAMIC_DISPATCH(FilterTileSize)()); }

void pack_filters(const DirectShape& shape, int64_t tile, const float* weights, float* packed) {
  const auto [height, width] = shape.window;
  pack(shape, tile, packed, [&, h = height, w = width](int64_t k, int64_t c, int64_t r, int64_t s) {
    return weights[((k * h + r) * w + s) * shape.channels + c];
  });
}

void pack_filters_turned(const DirectShape& shape, const TurnedTaps& taps, int64_t tile, const float* weights,
                         float* packed) {
  // Here the shape's channels are the forward filters and its filters the forward channels.
  pack(shape, tile, packed, [&](int64_t k, int64_t c, int64_t r, int64_t s) {
    const int64_t row = taps.last.height - r * taps.step.height;
    const int64_t column = taps.last.width - s * taps.step.width;
    return weights[((c * taps.window.height + row) * taps.window.width + column) * shape.filters + k];
  });
}

void conv2d_direct_forward(const DirectShape& shape, int64_t tile, const float* x, const float* packed,
                           const float* bias, Activation activation, const DirectOutput& y) {
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t first = tiles.first(tile);
  HWY_DYNAMIC_DISPATCH(Forward)
  (shape, tiles.size(tile), x, packed + first * shape.channels * shape.taps(), bias == nullptr ? nullptr : bias + first,
   activation, y);
}

WeightGradientTiles direct_weight_gradient_tiles(const DirectShape& shape, int64_t blocks) {
  constexpr int64_t kPixels = 1024;
  // Single taps leave room for more channels.
  const int64_t most_channels = shape.window.width == 1 ? 12 : 4;
  constexpr int64_t kFewestJobs = 8;
  const EvenTiling filters = cut_evenly(shape.filters, HWY_DYNAMIC_DISPATCH(GradientFilterTileSize)());
  const EvenTiling channels = cut_evenly(shape.channels, most_channels);
  const Tiling steps = cut(blocks, ceil_divide(blocks * shape.output.height * shape.output.width, kPixels));
  constexpr int64_t kPieceFloats = 128 * 1024;
  const int64_t input = blocks * shape.channels * shape.input.height * shape.input.width * kLanes;
  const int64_t pieces =
      std::clamp(std::max(kFewestJobs / (filters.count * channels.count), ceil_divide(input, kPieceFloats)), int64_t{1},
                 steps.count);
  return {filters, channels, steps, {steps.count, pieces}};
}

bool direct_takes_maxima() { return HWY_DYNAMIC_DISPATCH(TakesSquares)(); }

void conv2d_direct_forward_maxima(const DirectShape& shape, int64_t tile, const float* x, const float* packed,
                                  const float* bias, Activation activation, const DirectMaxima& y) {
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t first = tiles.first(tile);
  HWY_DYNAMIC_DISPATCH(ForwardMaxima)
  (shape, tiles.size(tile), x, packed + first * shape.channels * shape.taps(), bias == nullptr ? nullptr : bias + first,
   activation, y);
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
