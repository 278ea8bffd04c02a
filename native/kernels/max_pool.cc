#include "kernels/max_pool.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/max_pool.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using I = hn::RebindToSigned<D>;

// The taps of a window that lie on the image.
struct Taps {
  TapRange rows;
  TapRange columns;
  int64_t first;  // pixel
  int64_t row;    // pixels from tap to tap
  int64_t column;
};

// y and, unless it is null, winner of the channels of one vector at x, of which a partial one has `rest`.
template <bool kPartial>
HWY_INLINE void pool_vector(const Taps& taps, int64_t channels, size_t rest, const float* HWY_RESTRICT x,
                            float* HWY_RESTRICT y, int32_t* HWY_RESTRICT winner) {
  const D d;
  const I integers;
  const auto load = [&](int64_t pixel) HWY_ATTR {
    return kPartial ? hn::LoadN(d, x + pixel * channels, rest) : hn::LoadU(d, x + pixel * channels);
  };
  auto best = load(taps.first);
  auto number = hn::Set(integers, static_cast<int32_t>(taps.first));
  int64_t line = taps.first;
  for (int64_t r = taps.rows.first; r < taps.rows.last; ++r, line += taps.row) {
    int64_t pixel = line;
    for (int64_t s = taps.columns.first; s < taps.columns.last; ++s, pixel += taps.column) {
      const auto value = load(pixel);
      // Of equal ones the first wins, of NaN the last.
      const auto wins = hn::Or(hn::Gt(value, best), hn::IsNaN(value));
      best = hn::IfThenElse(wins, value, best);
      if (winner == nullptr) continue;
      number = hn::IfThenElse(hn::RebindMask(integers, wins), hn::Set(integers, static_cast<int32_t>(pixel)), number);
    }
  }
  if constexpr (kPartial) {
    hn::StoreN(best, d, y, rest);
    if (winner != nullptr) hn::StoreN(number, integers, winner, rest);
  } else {
    hn::StoreU(best, d, y);
    if (winner != nullptr) hn::StoreU(number, integers, winner);
  }
}

void MaxPool(const Window2d& w, int64_t channels, int64_t first_row, int64_t rows, const float* HWY_RESTRICT x,
             float* HWY_RESTRICT y, int32_t* HWY_RESTRICT winner) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const auto rest = static_cast<size_t>(channels % lanes);
  const int64_t whole = channels - channels % lanes;
  const auto winner_at = [&](int64_t out) { return winner == nullptr ? nullptr : winner + out; };
  int64_t out = first_row * w.output.width * channels;
  Taps taps{};
  taps.row = w.dilation.height * w.input.width;
  taps.column = w.dilation.width;
  for (int64_t oh = first_row; oh < first_row + rows; ++oh) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    taps.rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    for (int64_t ow = 0; ow < w.output.width; ++ow, out += channels) {
      const int64_t left = ow * w.stride.width - w.padding.left;
      taps.columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      taps.first = top * w.input.width + left + taps.rows.first * taps.row + taps.columns.first * taps.column;
      for (int64_t c = 0; c < whole; c += lanes) {
        pool_vector<false>(taps, channels, 0, x + c, y + out + c, winner_at(out + c));
      }
      if (rest > 0) pool_vector<true>(taps, channels, rest, x + whole, y + out + whole, winner_at(out + whole));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(MaxPool);

void max_pool(const Window2d& window, int64_t channels, int64_t first, int64_t rows, const float* x, float* y,
              int32_t* winner) {
  HWY_DYNAMIC_DISPATCH(MaxPool)(window, channels, first, rows, x, y, winner);
}

void max_pool_backward(const Window2d& w, int64_t channels, const float* dy, const int32_t* winner, float* dx) {
  std::memset(dx, 0, static_cast<size_t>(w.input_pixels() * channels) * sizeof(float));
  const int64_t pixels = w.output_pixels();
  for (int64_t pixel = 0; pixel < pixels; ++pixel, dy += channels, winner += channels) {
    for (int64_t c = 0; c < channels; ++c) dx[winner[c] * channels + c] += dy[c];
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
