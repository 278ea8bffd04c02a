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

void MaxPool(const Window2d& w, int64_t channels, const float* HWY_RESTRICT x, float* HWY_RESTRICT y,
             int32_t* HWY_RESTRICT winner) {
  const D d;
  const I integers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t oh = 0; oh < w.output.height; ++oh) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    const TapRange rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    for (int64_t ow = 0; ow < w.output.width; ++ow, y += channels) {
      const int64_t left = ow * w.stride.width - w.padding.left;
      const TapRange columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      const int64_t first =
          (top + rows.first * w.dilation.height) * w.input.width + left + columns.first * w.dilation.width;
      for (int64_t c = 0; c < channels; c += lanes) {
        const auto count = static_cast<size_t>(std::min(lanes, channels - c));
        auto best = hn::LoadN(d, x + first * channels + c, count);
        auto number = hn::Set(integers, static_cast<int32_t>(first));
        for (int64_t r = rows.first; r < rows.last; ++r) {
          for (int64_t s = columns.first; s < columns.last; ++s) {
            const int64_t pixel = (top + r * w.dilation.height) * w.input.width + left + s * w.dilation.width;
            const auto value = hn::LoadN(d, x + pixel * channels + c, count);
            // Of equal ones the first wins, of NaN the last.
            const auto wins = hn::Or(hn::Gt(value, best), hn::IsNaN(value));
            best = hn::IfThenElse(wins, value, best);
            number =
                hn::IfThenElse(hn::RebindMask(integers, wins), hn::Set(integers, static_cast<int32_t>(pixel)), number);
          }
        }
        hn::StoreN(best, d, y + c, count);
        if (winner != nullptr) hn::StoreN(number, integers, winner + c, count);
      }
      if (winner != nullptr) winner += channels;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(MaxPool);

void max_pool(const Window2d& window, int64_t channels, const float* x, float* y, int32_t* winner) {
  HWY_DYNAMIC_DISPATCH(MaxPool)(window, channels, x, y, winner);
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
