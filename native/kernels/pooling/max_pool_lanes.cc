#include "kernels/pooling/max_pool_lanes.h"

#include <algorithm>

#include "kernels/layout/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/max_pool_lanes.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/pooling/largest_tap-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;

// The taps of one output pixel that lie on the image: rows and columns of the window, and the block of tap (0, 0).
struct Taps {
  TapRange rows;
  TapRange columns;
  int64_t origin;
};

// Calls visit(output block, its taps) for every output pixel; blocks are numbered by pixel.
template <class Visit>
HWY_INLINE void for_each_window(const Window2d& w, Visit visit) {
  Taps taps{};
  for (int64_t p = 0; p < w.output.height; ++p) {
    const int64_t top = p * w.stride.height - w.padding.top;
    taps.rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    for (int64_t q = 0; q < w.output.width; ++q) {
      const int64_t left = q * w.stride.width - w.padding.left;
      taps.columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      taps.origin = top * w.input.width + left;
      visit(p * w.output.width + q, taps);
    }
  }
}

// Calls visit(tap, input block) in order of taps.
template <class Visit>
HWY_INLINE void for_each_tap(const Window2d& w, const Taps& taps, Visit visit) {
  for (int64_t r = taps.rows.first; r < taps.rows.last; ++r) {
    for (int64_t s = taps.columns.first; s < taps.columns.last; ++s) {
      visit(static_cast<int32_t>(r * w.window.width + s),
            taps.origin + r * w.dilation.height * w.input.width + s * w.dilation.width);
    }
  }
}

// Windows of 2x2 pixels that lie apart, as most do: calls visit(output block, block of tap 0).
template <class Visit>
HWY_INLINE void for_each_square(const Window2d& w, Visit visit) {
  for (int64_t p = 0; p < w.output.height; ++p) {
    for (int64_t q = 0; q < w.output.width; ++q) {
      visit(p * w.output.width + q, 2 * p * w.input.width + 2 * q);
    }
  }
}

bool are_squares(const Window2d& w) { return windows_lie_apart(w) && w.window.height == 2 && w.window.width == 2; }

template <bool kNumbers>
void max_pool_squares(const Window2d& w, Winners winners, const float* HWY_RESTRICT x, float* HWY_RESTRICT y,
                      ArgmaxTap* HWY_RESTRICT winner) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t row = w.input.width * kLanes;
  for_each_square(w, [=](int64_t out, int64_t in) HWY_ATTR {
    for (int64_t l = 0; l < kLanes; l += lanes) {
      const float* HWY_RESTRICT pixels = x + in * kLanes + l;
      LargestTap<D> largest(0, hn::Load(d, pixels));
      largest.meet(1, hn::Load(d, pixels + kLanes));
      largest.meet(2, hn::Load(d, pixels + row));
      largest.meet(3, hn::Load(d, pixels + row + kLanes));
      hn::Store(largest.value(), d, y + out * kLanes + l);
      if (kNumbers) largest.store_tap(winners, winner + out * kLanes + l);
    }
  });
}

// Images are read at the speed of the memory behind the caches only if their lines are prefetched so many floats ahead.
constexpr int64_t kAhead = 1024;

struct PoolWindow {
  Window2d w;
  Winners winners;
  const float* x;
  float* y;
  ArgmaxTap* winner;

  HWY_INLINE void operator()(int64_t out, const Taps& taps) const {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto whole = [](const TapRange& range) { return range.first == 0 && range.last == 3; };
    const bool nine = w.window.height == 3 && w.window.width == 3 && whole(taps.rows) && whole(taps.columns);
    for (int64_t l = 0; l < kLanes; l += lanes) {
      const LargestTap<D> largest = nine ? of_nine(taps, l) : one_by_one(taps, l);
      hn::Store(largest.value(), d, y + out * kLanes + l);
      if (winner != nullptr) largest.store_tap(winners, winner + out * kLanes + l);
    }
  }

  HWY_INLINE LargestTap<D> one_by_one(const Taps& taps, int64_t l) const {
    const D d;
    const int64_t first = taps.rows.first * w.window.width + taps.columns.first;
    const int64_t start =
        taps.origin + taps.rows.first * w.dilation.height * w.input.width + taps.columns.first * w.dilation.width;
    LargestTap<D> largest(static_cast<int32_t>(first), hn::Load(d, x + start * kLanes + l));
    for_each_tap(w, taps,
                 [&](int32_t tap, int64_t in) HWY_ATTR { largest.meet(tap, hn::Load(d, x + in * kLanes + l)); });
    return largest;
  }

  // A whole window of 3x3 pixels.
  HWY_INLINE LargestTap<D> of_nine(const Taps& taps, int64_t l) const {
    const D d;
    hn::Vec<D> values[9];
    auto sum = hn::Zero(d);
    for (int tap = 0; tap < 9; ++tap) {
      const int64_t in = taps.origin + tap / 3 * w.dilation.height * w.input.width + tap % 3 * w.dilation.width;
      values[tap] = hn::Load(d, x + in * kLanes + l);
      hwy::Prefetch(x + in * kLanes + l + kAhead);
      sum = hn::Add(sum, values[tap]);
    }
    // NaN wins, which comparisons cannot tell. Infinities may make one here, too.
    if (!hn::AllFalse(d, hn::IsNaN(sum))) return one_by_one(taps, l);
    return LargestTap<D>::of_numbers(values);
  }
};

void MaxPoolLanes(const Window2d& w, Winners winners, const float* HWY_RESTRICT x, float* HWY_RESTRICT y,
                  ArgmaxTap* HWY_RESTRICT winner) {
  if (are_squares(w)) {
    return winner == nullptr ? max_pool_squares<false>(w, winners, x, y, winner)
                             : max_pool_squares<true>(w, winners, x, y, winner);
  }
  for_each_window(w, PoolWindow{w, winners, x, y, winner});
}

template <bool kTiles>
float backward(const Window2d& w, const float* HWY_RESTRICT dy, const ArgmaxTap* HWY_RESTRICT winner,
               float* HWY_RESTRICT dx) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (!kTiles) std::fill_n(dx, w.input_pixels() * kLanes, 0.0F);
  auto sum = hn::Zero(d);
  for_each_window(w, [&](int64_t out, const Taps& taps) HWY_ATTR {
    for (int64_t l = 0; l < kLanes; l += lanes) {
      const ArgmaxGradient<D> won(dy + out * kLanes + l, winner + out * kLanes + l);
      sum = hn::Add(sum, won.of_any());
      for_each_tap(w, taps, [&](int32_t tap, int64_t in) HWY_ATTR {
        float* target = dx + in * kLanes + l;
        hn::Store(kTiles ? won.of(tap) : hn::Add(hn::Load(d, target), won.of(tap)), d, target);
      });
    }
  });
  return hn::ReduceSum(d, sum);
}

float backward_squares(const Window2d& w, const float* HWY_RESTRICT dy, const ArgmaxTap* HWY_RESTRICT winner,
                       float* HWY_RESTRICT dx) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t row = w.input.width * kLanes;
  auto sum = hn::Zero(d);
  for_each_square(w, [&](int64_t out, int64_t in) HWY_ATTR {
    for (int64_t l = 0; l < kLanes; l += lanes) {
      const float* const from = dy + out * kLanes + l;
      hwy::Prefetch(from + kAhead);
      hwy::Prefetch(winner + out * kLanes + l + kAhead);
      const ArgmaxGradient<D> won(from, winner + out * kLanes + l);
      float* HWY_RESTRICT pixels = dx + in * kLanes + l;
      hn::Store(won.of(0), d, pixels);
      hn::Store(won.of(1), d, pixels + kLanes);
      hn::Store(won.of(2), d, pixels + row);
      hn::Store(won.of(3), d, pixels + row + kLanes);
      sum = hn::Add(sum, won.of_any());
    }
  });
  return hn::ReduceSum(d, sum);
}

float MaxPoolLanesBackward(const Window2d& w, const float* dy, const ArgmaxTap* winner, float* dx) {
  if (!windows_tile_image(w)) return backward<false>(w, dy, winner, dx);
  return are_squares(w) ? backward_squares(w, dy, winner, dx) : backward<true>(w, dy, winner, dx);
}

float SumAtArgmax(int64_t windows, const float* dy, const ArgmaxTap* winner) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < windows * kLanes; i += lanes) {
    sum = hn::Add(sum, ArgmaxGradient<D>(dy + i, winner + i).of_any());
  }
  return hn::ReduceSum(d, sum);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

bool taps_have_numbers(const Window2d& window) { return window.taps() <= kNoTap; }

HWY_EXPORT(MaxPoolLanes);
HWY_EXPORT(MaxPoolLanesBackward);
HWY_EXPORT(SumAtArgmax);

void max_pool_lanes(const Window2d& window, Winners winners, const float* x, float* y, ArgmaxTap* winner) {
  HWY_DYNAMIC_DISPATCH(MaxPoolLanes)(window, winners, x, y, winner);
}

float max_pool_lanes_backward(const Window2d& window, const float* dy, const ArgmaxTap* winner, float* dx) {
  return HWY_DYNAMIC_DISPATCH(MaxPoolLanesBackward)(window, dy, winner, dx);
}

float sum_at_argmax(int64_t windows, const float* dy, const ArgmaxTap* winner) {
  return HWY_DYNAMIC_DISPATCH(SumAtArgmax)(windows, dy, winner);
}

}  // namespace gradloom
#endif  // HWY_ONCE
