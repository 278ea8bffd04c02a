#include "kernels/max_pool_lanes.h"

#include <algorithm>

#include "kernels/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/max_pool_lanes.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using I = hn::RebindToSigned<D>;

// Calls visit(output block, first tap?, tap, input block) for every tap of every output pixel that lies on the image,
// in order of taps; blocks are numbered by pixel.
template <class Visit>
HWY_INLINE void for_each_tap(const Window2d& w, Visit visit) {
  for (int64_t p = 0; p < w.output.height; ++p) {
    const int64_t top = p * w.stride.height - w.padding.top;
    for (int64_t q = 0; q < w.output.width; ++q) {
      const int64_t left = q * w.stride.width - w.padding.left;
      bool first = true;
      for (int64_t r = 0; r < w.window.height; ++r) {
        const int64_t row = top + r * w.dilation.height;
        if (row < 0 || row >= w.input.height) continue;
        for (int64_t s = 0; s < w.window.width; ++s) {
          const int64_t column = left + s * w.dilation.width;
          if (column < 0 || column >= w.input.width) continue;
          visit(p * w.output.width + q, first, r * w.window.width + s, row * w.input.width + column);
          first = false;
        }
      }
    }
  }
}

void MaxPoolLanes(const Window2d& w, const float* HWY_RESTRICT x, float* HWY_RESTRICT y, int32_t* HWY_RESTRICT winner) {
  const D d;
  const I integers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for_each_tap(w, [=](int64_t out, bool first, int64_t tap, int64_t in) {
    const auto number = hn::Set(integers, static_cast<int32_t>(tap));
    for (int64_t l = 0; l < kLanes; l += lanes) {
      const auto value = hn::Load(d, x + in * kLanes + l);
      float* best = y + out * kLanes + l;
      if (first) {
        hn::Store(value, d, best);
        if (winner != nullptr) hn::Store(number, integers, winner + out * kLanes + l);
      } else {
        const auto so_far = hn::Load(d, best);
        const auto wins = hn::Or(hn::Gt(value, so_far), hn::IsNaN(value));
        hn::Store(hn::IfThenElse(wins, value, so_far), d, best);
        if (winner != nullptr) {
          int32_t* at = winner + out * kLanes + l;
          hn::Store(hn::IfThenElse(hn::RebindMask(integers, wins), number, hn::Load(integers, at)), integers, at);
        }
      }
    }
  });
}

void MaxPoolLanesBackward(const Window2d& w, const float* HWY_RESTRICT dy, const int32_t* HWY_RESTRICT winner,
                          float* HWY_RESTRICT dx) {
  const D d;
  const I integers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for_each_tap(w, [=](int64_t out, bool /*first*/, int64_t tap, int64_t in) {
    const auto number = hn::Set(integers, static_cast<int32_t>(tap));
    for (int64_t l = 0; l < kLanes; l += lanes) {
      const auto won = hn::RebindMask(d, hn::Eq(hn::Load(integers, winner + out * kLanes + l), number));
      const auto gradient = hn::IfThenElseZero(won, hn::Load(d, dy + out * kLanes + l));
      float* target = dx + in * kLanes + l;
      hn::Store(hn::Add(hn::Load(d, target), gradient), d, target);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(MaxPoolLanes);
HWY_EXPORT(MaxPoolLanesBackward);

void max_pool_lanes(const Window2d& window, const float* x, float* y, int32_t* winner) {
  HWY_DYNAMIC_DISPATCH(MaxPoolLanes)(window, x, y, winner);
}

void max_pool_lanes_backward(const Window2d& window, const float* dy, const int32_t* winner, float* dx) {
  std::fill_n(dx, window.input_pixels() * kLanes, 0.0F);
  HWY_DYNAMIC_DISPATCH(MaxPoolLanesBackward)(window, dy, winner, dx);
}

}  // namespace gradloom
#endif  // HWY_ONCE
