// A tile of a convolution of images in lanes in registers (kernels/conv2d/direct/direct.h). Included once for every
// target.
#if defined(GRADLOOM_DIRECT_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_DIRECT_TILE_INL_H_
#undef GRADLOOM_DIRECT_TILE_INL_H_
#else
#define GRADLOOM_DIRECT_TILE_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"
#include "kernels/activation/relu-inl.h"
#include "kernels/conv2d/direct/direct.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/largest_tap-inl.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors a block, and the tile that keeps its accumulators in registers. Two multiply-adds can start a cycle and take
// four, so at least eight must be under way; each load or broadcast should serve several.
#if HWY_MAX_BYTES >= 64
constexpr int kVectors = 1;
constexpr int kFilterTile = 6;  // 6 x 4 accumulators + 4 pixels + 1 weight of 32 registers
constexpr int kPixelTile = 4;
#elif HWY_MAX_BYTES == 32
constexpr int kVectors = 2;
constexpr int kFilterTile = 6;  // 6 x 1 x 2 of 16 registers
constexpr int kPixelTile = 1;
#else
constexpr int kVectors = 4;
constexpr int kFilterTile = 3;  // 3 x 1 x 4 of 16 registers (NEON has 32)
constexpr int kPixelTile = 1;
#endif
constexpr int kSquarePixels = 4;  // 2 x 2

// The vectors of a block that hold samples: all, or those of the first half. With AVX-512 that is half of a vector, and
// some processors, such as Zen 4, multiply two of these in the time of a whole one.
template <int64_t kLanesInUse>
struct VectorsInUse {
  using D = hn::CappedTag<float, kLanesInUse>;
  using V = hn::Vec<D>;
  static constexpr int kFloats = static_cast<int>(hn::MaxLanes(D()));  // of a vector
  static constexpr int kCount = static_cast<int>(kLanesInUse) / kFloats;
  static constexpr bool kWhole = kLanesInUse == kLanes;
};
using WholeBlock = VectorsInUse<kLanes>;
using HalfBlock = VectorsInUse<kHalfLanes>;

// Whether sums go over some channels at a time, which stay in L1. Tiles of several pixels read so little that L2 keeps
// up.
constexpr bool kInParts = kPixelTile == 1;

struct ForwardRow {
  const float* x;       // first tap of the first pixel of the tile's first channel
  int64_t channel;      // floats from channel to channel
  int64_t window_row;   // from tap row to tap row
  int64_t tap;          // from tap to tap
  int64_t next_row;     // from the last tap of a row to the first one of the next
  int64_t pixel;        // from output pixel to output pixel
  int64_t line;         // from the input row of one output row to that of the next
  const float* packed;  // [C][R][S][kFilters], of the first window row and tap in question
  int64_t packed_channel;
  int64_t packed_rest;  // from the last tap of a row to the first one of the next
  int64_t channels, window_rows, taps;
};

// What sums begin with, and what becomes of them.
struct SumEnds {
  const float* bias;  // may be null
  bool continues;     // with those over the channels before, which the output holds, instead
  Activation activation;
};

// The sums of a tile: neighbours of a row or column, or the pixels of a square. Live: WholeBlock or HalfBlock.
template <int kFilters, int kPixels, class Live>
using TileSums = typename Live::V[kFilters][kPixels][Live::kCount];

template <int kFilters, int kPixels, class Live>
HWY_INLINE void begin_sums(const float* bias, TileSums<kFilters, kPixels, Live>& sum) {
  const typename Live::D d;
  for (int k = 0; k < kFilters; ++k) {
    const auto start = bias == nullptr ? hn::Zero(d) : hn::Set(d, bias[k]);
    for (int j = 0; j < kPixels; ++j) {
      for (int m = 0; m < Live::kCount; ++m) sum[k][j][m] = start;
    }
  }
}

template <int kFilters, int kPixels, class Live>
HWY_INLINE void continue_sums(const DirectOutput& y, TileSums<kFilters, kPixels, Live>& sum) {
  const float* HWY_RESTRICT pixels = y.data;
  for (int k = 0; k < kFilters; ++k, pixels += y.filter) {
    for (int j = 0; j < kPixels; ++j) {
      for (int m = 0; m < Live::kCount; ++m)
        sum[k][j][m] = hn::Load(typename Live::D(), pixels + j * y.pixel + m * Live::kFloats);
    }
  }
}

// kSides: some taps of a row may be left out.
template <bool kSides, bool kSquare, int kFilters, int kPixels, class Live>
HWY_INLINE void add_taps(const ForwardRow& row, TileSums<kFilters, kPixels, Live>& sum) {
  const typename Live::D d;
  for (int64_t c = 0; c < row.channels; ++c) {
    const float* HWY_RESTRICT w = row.packed + c * row.packed_channel;
    const float* HWY_RESTRICT x = row.x + c * row.channel;
    // One loop for all rows of the window: the exit of a short inner loop is mispredicted.
    int64_t left = row.taps;
    for (int64_t tap = row.window_rows * row.taps; tap > 0; --tap) {
      typename Live::V v[kPixels][Live::kCount];
      for (int j = 0; j < kPixels; ++j) {
        const int64_t at = kSquare ? j / 2 * row.line + j % 2 * row.pixel : j * row.pixel;
        for (int m = 0; m < Live::kCount; ++m) v[j][m] = in_register(hn::Load(d, x + at + m * Live::kFloats));
      }
      for (int k = 0; k < kFilters; ++k) {
        const auto weight = hn::Set(d, w[k]);
        for (int j = 0; j < kPixels; ++j) {
          for (int m = 0; m < Live::kCount; ++m) sum[k][j][m] = hn::MulAdd(v[j][m], weight, sum[k][j][m]);
        }
      }
      const bool row_ends = --left == 0;
      left = row_ends ? row.taps : left;
      x += row_ends ? row.next_row : row.tap;
      w += kSides && row_ends ? kFilters + row.packed_rest : kFilters;
    }
  }
}

template <int kFilters, int kPixels, class Live>
HWY_INLINE void store_sums(const SumEnds& ends, const DirectOutput& y, TileSums<kFilters, kPixels, Live>& sum) {
  if (ends.activation == Activation::kRelu) {
    for (auto& of_filter : sum) {
      for (auto& of_pixel : of_filter) {
        for (auto& z : of_pixel) z = relu(z);
      }
    }
  }
  float* HWY_RESTRICT pixels = y.data;
  for (int k = 0; k < kFilters; ++k, pixels += y.filter) {
    for (int j = 0; j < kPixels; ++j) {
      for (int m = 0; m < Live::kCount; ++m)
        hn::Store(sum[k][j][m], typename Live::D(), pixels + j * y.pixel + m * Live::kFloats);
    }
  }
}

// Of a square of pixels. relu may as well follow the maximum.
template <int kFilters, class Live>
HWY_INLINE void store_maxima(const SumEnds& ends, const DirectMaxima& y, TileSums<kFilters, kSquarePixels, Live>& sum) {
  using D = typename Live::D;
  const D d;
  const Winners kept = ends.activation == Activation::kRelu ? Winners::kOfPositive : Winners::kOfAll;
  // NaN is one of them, or infinities of both signs, or neither.
  auto any = hn::Zero(d);
  for (int k = 0; k < kFilters; ++k) {
    for (int m = 0; m < Live::kCount; ++m) {
      any = hn::Add(any, hn::Add(hn::Add(sum[k][0][m], sum[k][1][m]), hn::Add(sum[k][2][m], sum[k][3][m])));
    }
  }
  const bool numbers = hn::AllFalse(d, hn::IsNaN(any));
  const auto keep = [&](int k, int m, const LargestTap<D>& largest) HWY_ATTR {
    const int64_t to = k * y.filter + m * Live::kFloats;
    hn::Store(ends.activation == Activation::kRelu ? relu(largest.value()) : largest.value(), d, y.data + to);
    if (y.winners != nullptr) largest.store_tap(kept, y.winners + to);
  };
  if (HWY_LIKELY(numbers)) {
    for (int k = 0; k < kFilters; ++k) {
      for (int m = 0; m < Live::kCount; ++m) {
        keep(k, m, LargestTap<D>::of_numbers(sum[k][0][m], sum[k][1][m], sum[k][2][m], sum[k][3][m]));
      }
    }
  } else {
    // Else g++ would keep all sums in memory, for the sake of what is indexed here.
    HWY_UNROLL(6)
    for (int k = 0; k < kFilters; ++k) {
      for (int m = 0; m < Live::kCount; ++m) {
        LargestTap<D> largest(0, sum[k][0][m]);
        largest.meet(1, sum[k][1][m]);
        largest.meet(2, sum[k][2][m]);
        largest.meet(3, sum[k][3][m]);
        keep(k, m, largest);
      }
    }
  }
}

// The other lanes of a block become zero.
template <int kFilters, int kPixels, class Live>
HWY_INLINE void clear_rest(const DirectOutput& y) {
  constexpr int kInUse = Live::kCount * Live::kFloats;
  for (int k = 0; k < kFilters; ++k) {
    for (int j = 0; j < kPixels; ++j) {
      float* const pixel = y.data + k * y.filter + j * y.pixel;
      for (int lane = kInUse; lane < kLanes; lane += Live::kFloats) {
        hn::Store(hn::Zero(typename Live::D()), typename Live::D(), pixel + lane);
      }
    }
  }
}

template <int kFilters, int kPixels, class Live, bool kSides>
HWY_INLINE void forward_tile(const ForwardRow& row, const SumEnds& ends, const DirectOutput& y) {
  TileSums<kFilters, kPixels, Live> sum;
  begin_sums<kFilters, kPixels, Live>(ends.bias, sum);
  if constexpr (kInParts) {
    if (ends.continues) continue_sums<kFilters, kPixels, Live>(y, sum);
  }
  add_taps<kSides, false, kFilters, kPixels, Live>(row, sum);
  store_sums<kFilters, kPixels, Live>(ends, y, sum);
  if constexpr (!Live::kWhole) clear_rest<kFilters, kPixels, Live>(y);
}

template <int kFilters, class Live, bool kSides>
HWY_INLINE void forward_square(const ForwardRow& row, const SumEnds& ends, const DirectMaxima& y) {
  TileSums<kFilters, kSquarePixels, Live> sum;
  begin_sums<kFilters, kSquarePixels, Live>(ends.bias, sum);
  add_taps<kSides, true, kFilters, kSquarePixels, Live>(row, sum);
  store_maxima<kFilters, Live>(ends, y, sum);
  if constexpr (!Live::kWhole) {
    clear_rest<kFilters, 1, Live>({y.data, y.filter});
    for (int k = 0; k < kFilters && y.winners != nullptr; ++k) {
      std::fill_n(y.winners + k * y.filter + kHalfLanes, kHalfLanes, ArgmaxTap{});
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
