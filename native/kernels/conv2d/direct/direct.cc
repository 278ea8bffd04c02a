#include "kernels/conv2d/direct/direct.h"

#include <algorithm>
#include <type_traits>

#include "kernels/layout/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/direct/direct.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/conv2d/direct/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What should stay in L2; processors with AVX-512 have larger ones.
constexpr int64_t kBandFloats = (HWY_MAX_BYTES >= 64 ? 128 : 64) * 1024;

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
  row.next_row = row.window_row - (row.taps - 1) * row.tap;
  return row;
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

// Whether two pixels at a side may meet nothing but zeros on a tap. For a single tap at each side it costs more to ask
// than to multiply.
bool skips_columns(const DirectShape& shape) {
  return std::max(shape.zeros.left, shape.zeros.right) > shape.stride.width;
}

// The taps of those rows that output pixels from `first` on meet.
template <int kFilters, bool kSides>
HWY_INLINE void place_columns(const DirectShape& shape, int64_t first, int64_t count, const WindowRows& rows,
                              ForwardRow& row) {
  const int64_t left = first * shape.stride.width;
  row.x = rows.x + left * kLanes;
  row.packed = rows.packed;
  if constexpr (kSides) {
    const MetTaps columns = met_taps(left, left + (count - 1) * shape.stride.width, shape.zeros.left,
                                     shape.input.width - shape.zeros.right, shape.dilation.width, shape.window.width);
    row.x += columns.first * row.tap;
    row.packed += columns.first * kFilters;
    row.taps = columns.count;
    row.next_row = row.window_row - (row.taps - 1) * row.tap;
    row.packed_rest = (shape.window.width - columns.count) * kFilters;
  }
}

// With fewer vectors a pixel there is room for more of these.
template <class Live>
constexpr int pixel_tile() {
  return kPixelTile * kVectors / Live::kCount;
}

template <int kFilters, class Live, bool kSides>
HWY_INLINE void tile_of_pixels(int64_t pixels, const ForwardRow& row, const SumEnds& ends, const DirectOutput& y) {
  constexpr int kMost = pixel_tile<Live>();
  switch (pixels) {
    case 1: return forward_tile<kFilters, 1, Live, kSides>(row, ends, y);
    case 2: return forward_tile<kFilters, std::min(2, kMost), Live, kSides>(row, ends, y);
    case 3: return forward_tile<kFilters, std::min(3, kMost), Live, kSides>(row, ends, y);
    default: return forward_tile<kFilters, kMost, Live, kSides>(row, ends, y);
  }
}

// Output columns up to left_end, and from right_begin on, meet padding at a side and are made in tiles of a column,
// which skip those taps: all columns of an image narrower than a tile and than it is high; none where a tile has few
// terms, or where images are lower than a tile and padded at each side by less than one.
struct SideColumns {
  int64_t left_end, right_begin;
};
SideColumns side_columns(const DirectShape& shape) {
  constexpr int64_t kFewTerms = 16;
  const int64_t width = shape.output.width;
  if (width < kPixelTile && width < shape.output.height) return {width, width};
  const bool thin = shape.output.height < kPixelTile && std::max(shape.zeros.left, shape.zeros.right) < kPixelTile;
  if (thin || shape.channels * shape.taps() < kFewTerms) return {0, width};
  const int64_t reach = (shape.window.width - 1) * shape.dilation.width;
  const int64_t left = count_before(shape.zeros.left, shape.stride.width, width);
  const int64_t right = count_before(shape.input.width - shape.zeros.right - reach, shape.stride.width, width);
  return {left, std::max(left, right)};
}

// Output columns from `begin` up to `end`, as tiles of pixels of a row.
template <int kFilters, class Live>
HWY_NOINLINE void forward_rows(const DirectShape& shape, int64_t begin, int64_t end, const float* x,
                               const float* packed, const SumEnds& ends, const DirectOutput& y) {
  ForwardRow row = forward_row<kFilters>(shape);
  const EvenTiling tiles = cut_evenly(end - begin, pixel_tile<Live>());
  for (int64_t p = 0; p < shape.output.height; ++p) {
    const WindowRows rows = place_rows<kFilters>(shape, p, 1, x, packed, row);
    for (int64_t tile = 0, q = begin, next = 0; tile < tiles.count; ++tile, q = next) {
      next = begin + tiles.first(tile + 1);
      row.x = rows.x + q * row.pixel;
      tile_of_pixels<kFilters, Live, false>(next - q, row, ends,
                                            {y.data + p * y.row + q * y.pixel, y.filter, y.row, y.pixel});
    }
  }
}

// The same as tiles of pixels of a column, which have their taps on zeros at a side in common.
template <int kFilters, class Live>
HWY_NOINLINE void forward_columns(const DirectShape& shape, int64_t begin, int64_t end, const float* x,
                                  const float* packed, const SumEnds& ends, const DirectOutput& y) {
  ForwardRow row = forward_row<kFilters>(shape);
  row.pixel = row.line;
  const EvenTiling tiles = cut_evenly(shape.output.height, pixel_tile<Live>());
  for (int64_t tile = 0; tile < tiles.count; ++tile) {
    const int64_t p = tiles.first(tile);
    const WindowRows rows = place_rows<kFilters>(shape, p, tiles.size(tile), x, packed, row);
    for (int64_t q = begin; q < end; ++q) {
      place_columns<kFilters, true>(shape, q, 1, rows, row);
      tile_of_pixels<kFilters, Live, true>(tiles.size(tile), row, ends,
                                           {y.data + p * y.row + q * y.pixel, y.filter, y.pixel, y.row});
    }
  }
}

// Channels whose taps of a window, and weights, stay in L1 from pixel to pixel.
EvenTiling channel_tiles(const DirectShape& shape, int64_t filters) {
  constexpr int64_t kFloats = 5 * 1024;
  const int64_t of_channel = std::max<int64_t>(shape.taps() * (kLanes + filters), 1);
  const int64_t most = kInParts ? kFloats / of_channel : shape.channels;
  return cut_evenly(shape.channels, std::max<int64_t>(most, 1));
}

template <int kFilters, class Live>
void forward_filters(const DirectShape& shape, const float* x, const float* packed, const SumEnds& ends,
                     const DirectOutput& y) {
  const SideColumns sides = side_columns(shape);
  const EvenTiling tiles = channel_tiles(shape, kFilters);
  for (int64_t tile = 0; tile < tiles.count; ++tile) {
    DirectShape part = shape;
    part.channels = tiles.size(tile);
    const SumEnds part_ends{ends.bias, tile > 0, tile + 1 == tiles.count ? ends.activation : Activation::kLinear};
    if (sides.left_end < sides.right_begin)
      forward_rows<kFilters, Live>(part, sides.left_end, sides.right_begin, x, packed, part_ends, y);
    if (sides.left_end > 0) forward_columns<kFilters, Live>(part, 0, sides.left_end, x, packed, part_ends, y);
    if (sides.right_begin < shape.output.width)
      forward_columns<kFilters, Live>(part, sides.right_begin, shape.output.width, x, packed, part_ends, y);
    x += part.channels * plane_floats(shape.input);
    packed += part.channels * shape.taps() * kFilters;
  }
}

template <int kFilters, class Live, bool kSides>
void forward_squares(const DirectShape& shape, const float* x, const float* packed, const SumEnds& ends,
                     const DirectMaxima& y) {
  ForwardRow row = forward_row<kFilters>(shape);
  DirectMaxima out = y;
  for (int64_t p = 0; p < shape.output.height; p += 2) {
    const WindowRows rows = place_rows<kFilters>(shape, p, 2, x, packed, row);
    for (int64_t q = 0; q < shape.output.width; q += 2) {
      place_columns<kFilters, kSides>(shape, q, 2, rows, row);
      forward_square<kFilters, Live, kSides>(row, ends, out);
      out.data += kLanes;
      if (out.winners != nullptr) out.winners += kLanes;
    }
  }
}

// Whole tiles, which at the sides are columns of pixels.
Tiling Bands(const DirectShape& shape, int64_t fewest) {
  const int64_t row = shape.channels * shape.input.width * kLanes;
  if (shape.filters <= kFilterTile || shape.input.height * row <= 2 * kBandFloats)
    return cut(shape.output.height, fewest, kPixelTile);
  const int64_t reach = (shape.window.height - 1) * shape.dilation.height + 1;
  const int64_t fit = 1 + std::max<int64_t>(kBandFloats / row - reach, 0) / shape.stride.height;
  const int64_t rows = std::max<int64_t>(fit / kPixelTile * kPixelTile, kPixelTile);
  return cut(shape.output.height, std::max(ceil_divide(shape.output.height, rows), fewest), kPixelTile);
}

int64_t FilterTileSize() { return kFilterTile; }
bool LeavesHalfOut() { return kVectors > 1; }
// Where a tile has room for their sums.
bool TakesSquares() { return kPixelTile >= kSquarePixels; }

// Calls body(std::integral_constant<int, filters>).
template <class Body>
HWY_INLINE void with_filters(int64_t filters, Body body) {
  switch (filters) {
    case 1: body(std::integral_constant<int, 1>()); break;
    case 2: body(std::integral_constant<int, 2>()); break;
    case 3: body(std::integral_constant<int, 3>()); break;
    case 4: body(std::integral_constant<int, std::min(4, kFilterTile)>()); break;
    case 5: body(std::integral_constant<int, std::min(5, kFilterTile)>()); break;
    default: body(std::integral_constant<int, kFilterTile>()); break;
  }
}

// Calls body(Live()).
template <class Body>
HWY_INLINE void with_live(int64_t lanes, Body body) {
  lanes == kHalfLanes ? body(HalfBlock()) : body(WholeBlock());
}

void Forward(const DirectShape& shape, int64_t filters, const float* x, const float* packed, const float* bias,
             Activation activation, const DirectOutput& y) {
  if (shape.output.width == 0) return;  // a phase without pixels
  const SumEnds ends{bias, false, activation};
  with_live(shape.lanes, [&](auto live) HWY_ATTR {
    with_filters(filters,
                 [&](auto count) HWY_ATTR { forward_filters<count(), decltype(live)>(shape, x, packed, ends, y); });
  });
}

void ForwardMaxima(const DirectShape& shape, int64_t filters, const float* x, const float* packed, const float* bias,
                   Activation activation, const DirectMaxima& y) {
  if constexpr (kPixelTile >= kSquarePixels) {
    const bool sides = skips_columns(shape);
    const SumEnds ends{bias, false, activation};
    with_live(shape.lanes, [&](auto live) HWY_ATTR {
      using Live = decltype(live);
      with_filters(filters, [&](auto count) HWY_ATTR {
        sides ? forward_squares<count(), Live, true>(shape, x, packed, ends, y)
              : forward_squares<count(), Live, false>(shape, x, packed, ends, y);
      });
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Bands);
HWY_EXPORT(FilterTileSize);
HWY_EXPORT(LeavesHalfOut);
HWY_EXPORT(TakesSquares);
HWY_EXPORT(Forward);
HWY_EXPORT(ForwardMaxima);

namespace {

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

bool direct_leaves_half_out() { return HWY_DYNAMIC_DISPATCH(LeavesHalfOut)(); }

Tiling direct_bands(const DirectShape& shape, int64_t fewest) { return HWY_DYNAMIC_DISPATCH(Bands)(shape, fewest); }

void pack_filters(const DirectShape& shape, int64_t tile, const float* weights, float* packed) {
  const auto [height, width] = shape.window;
  pack(shape, tile, packed, [&, h = height, w = width](int64_t k, int64_t c, int64_t r, int64_t s) {
    return weights[((k * h + r) * w + s) * shape.channels + c];
  });
}

void pack_flipped_filters(const DirectShape& shape, const FlippedTaps& taps, int64_t tile, const float* weights,
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

bool direct_takes_maxima() { return HWY_DYNAMIC_DISPATCH(TakesSquares)(); }

void conv2d_direct_forward_maxima(const DirectShape& shape, int64_t tile, const float* x, const float* packed,
                                  const float* bias, Activation activation, const DirectMaxima& y) {
  const EvenTiling tiles = direct_filter_tiles(shape.filters);
  const int64_t first = tiles.first(tile);
  HWY_DYNAMIC_DISPATCH(ForwardMaxima)
  (shape, tiles.size(tile), x, packed + first * shape.channels * shape.taps(), bias == nullptr ? nullptr : bias + first,
   activation, y);
}

}  // namespace gradloom
#endif  // HWY_ONCE
