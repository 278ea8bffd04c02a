#include "kernels/pooling/max_pool.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/max_pool.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/pooling/largest_tap-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using I = hn::RebindToSigned<D>;

// The taps of a window that lie on the image: how many rows and columns of them, and the pixels they are.
struct RowTaps {
  int64_t rows;
  int64_t columns;
  int64_t first;
  int64_t row;  // pixels from tap to tap
  int64_t column;
};

// Channels of a pixel: whole vectors, and `rest` behind them.
struct Channels {
  int64_t count;
  int64_t whole;
  size_t rest;

  explicit Channels(int64_t channels)
      : count(channels),
        whole(channels - channels % static_cast<int64_t>(hn::Lanes(D()))),
        rest(static_cast<size_t>(channels - whole)) {}

  // visit(first channel, whether it is a whole vector)
  template <class Visit>
  HWY_INLINE void for_each_vector(Visit&& visit) const {
    for (int64_t c = 0; c < whole; c += static_cast<int64_t>(hn::Lanes(D()))) visit(c, std::true_type());
    if (rest > 0) visit(whole, std::false_type());
  }
};

// y and winner of one output pixel. Of windows of kSize x kSize whole ones, of size 0 any.
template <int kSize, bool kNumbers>
HWY_INLINE void pool_pixel(const RowTaps& taps, const Channels& channels, const float* HWY_RESTRICT x,
                           float* HWY_RESTRICT y, int32_t* HWY_RESTRICT winner) {
  const D d;
  const I integers;
  const int64_t rows = kSize > 0 ? kSize : taps.rows;
  const int64_t columns = kSize > 0 ? kSize : taps.columns;
  channels.for_each_vector([&](int64_t c, auto whole) HWY_ATTR {
    const auto load = [&](int64_t pixel) HWY_ATTR {
      const float* const from = x + pixel * channels.count + c;
      return whole ? hn::LoadU(d, from) : load_first(d, from, channels.rest);
    };
    LargestTap<D> largest(static_cast<int32_t>(taps.first), load(taps.first));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const int64_t pixel = taps.first + r * taps.row + s * taps.column;
        if (r > 0 || s > 0 || kSize == 0) largest.meet(static_cast<int32_t>(pixel), load(pixel));
      }
    }
    if constexpr (whole) {
      hn::StoreU(largest.value(), d, y + c);
      if (kNumbers) hn::StoreU(largest.tap(), integers, winner + c);
    } else {
      store_first(largest.value(), d, y + c, channels.rest);
      if (kNumbers) store_first(largest.tap(), integers, winner + c, channels.rest);
    }
  });
}

template <bool kNumbers>
void pool_rows(const Window2d& w, int64_t channel_count, int64_t first_row, int64_t rows, const float* HWY_RESTRICT x,
               float* HWY_RESTRICT y, int32_t* HWY_RESTRICT winner) {
  const Channels channels(channel_count);
  RowTaps taps{};
  taps.row = w.dilation.height * w.input.width;
  taps.column = w.dilation.width;
  int64_t out = first_row * w.output.width * channels.count;
  for (int64_t oh = first_row; oh < first_row + rows; ++oh) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    const TapRange tap_rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    taps.rows = tap_rows.last - tap_rows.first;
    for (int64_t ow = 0; ow < w.output.width; ++ow, out += channels.count) {
      const int64_t left = ow * w.stride.width - w.padding.left;
      const TapRange tap_columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      taps.columns = tap_columns.last - tap_columns.first;
      taps.first = top * w.input.width + left + tap_rows.first * taps.row + tap_columns.first * taps.column;
      int32_t* const number = kNumbers ? winner + out : nullptr;
      if (taps.rows == 2 && taps.columns == 2) {
        pool_pixel<2, kNumbers>(taps, channels, x, y + out, number);
      } else if (taps.rows == 3 && taps.columns == 3) {
        pool_pixel<3, kNumbers>(taps, channels, x, y + out, number);
      } else {
        pool_pixel<0, kNumbers>(taps, channels, x, y + out, number);
      }
    }
  }
}

void MaxPool(const Window2d& w, int64_t channels, int64_t first_row, int64_t rows, const float* x, float* y,
             int32_t* winner) {
  winner == nullptr ? pool_rows<false>(w, channels, first_row, rows, x, y, winner)
                    : pool_rows<true>(w, channels, first_row, rows, x, y, winner);
}

// For windows that lie apart: each of their pixels is stored once.
void PoolBackward(const Window2d& w, int64_t channel_count, const float* HWY_RESTRICT dy,
                  const int32_t* HWY_RESTRICT winner, float* HWY_RESTRICT dx) {
  const D d;
  const I integers;
  const Channels channels(channel_count);
  for (int64_t p = 0; p < w.output.height; ++p) {
    for (int64_t q = 0; q < w.output.width; ++q, dy += channels.count, winner += channels.count) {
      const int64_t first = p * w.window.height * w.input.width + q * w.window.width;
      channels.for_each_vector([&](int64_t c, auto whole) HWY_ATTR {
        const auto gradient = whole ? hn::LoadU(d, dy + c) : load_first(d, dy + c, channels.rest);
        const auto number = whole ? hn::LoadU(integers, winner + c) : load_first(integers, winner + c, channels.rest);
        for (int64_t r = 0; r < w.window.height; ++r) {
          for (int64_t s = 0; s < w.window.width; ++s) {
            const int64_t pixel = first + r * w.input.width + s;
            const auto won = hn::RebindMask(d, hn::Eq(number, hn::Set(integers, static_cast<int32_t>(pixel))));
            const auto part = hn::IfThenElseZero(won, gradient);
            float* const to = dx + pixel * channels.count + c;
            whole ? hn::StoreU(part, d, to) : store_first(part, d, to, channels.rest);
          }
        }
      });
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(MaxPool);
HWY_EXPORT(PoolBackward);

void max_pool(const Window2d& window, int64_t channels, int64_t first, int64_t rows, const float* x, float* y,
              int32_t* winner) {
  HWY_DYNAMIC_DISPATCH(MaxPool)(window, channels, first, rows, x, y, winner);
}

void max_pool_backward(const Window2d& w, int64_t channels, const float* dy, const int32_t* winner, float* dx) {
  if (!windows_tile_image(w)) std::memset(dx, 0, static_cast<size_t>(w.input_pixels() * channels) * sizeof(float));
  if (windows_lie_apart(w)) return HWY_DYNAMIC_DISPATCH(PoolBackward)(w, channels, dy, winner, dx);
  const int64_t pixels = w.output_pixels();
  for (int64_t pixel = 0; pixel < pixels; ++pixel, dy += channels, winner += channels) {
    for (int64_t c = 0; c < channels; ++c) dx[winner[c] * channels + c] += dy[c];
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
