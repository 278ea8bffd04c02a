#include "kernels/pooling/average_pool.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/average_pool.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What sums are divided by. Powers of two have an inverse that gives the same bits.
struct Divisor {
  int64_t count = 0;
  bool has_inverse = false;
  float value = 0;
  float inverse = 0;

  HWY_INLINE void set(int64_t taps) {
    if (taps == count) return;
    count = taps;
    value = static_cast<float>(taps);
    has_inverse = (taps & (taps - 1)) == 0;
    inverse = 1 / value;
  }
};

// One output pixel's window: its taps on the image, and the pixel of the first of them.
struct Place {
  int64_t first;
  int64_t rows;
  int64_t columns;
};

// Taps of one axis on the image and its padding.
HWY_INLINE int64_t taps_on_padded(int64_t start, int64_t dilation, int64_t window, int64_t size, int64_t before,
                                  int64_t after) {
  const TapRange taps = taps_on_image(start + before, dilation, window, before + size + after);
  return taps.last - taps.first;
}

// Calls visit(output pixel, place, divisor) for every output pixel.
template <class Visit>
HWY_INLINE void for_each_place(const Window2d& w, CountPadding padding, Visit visit) {
  Divisor divisor;
  for (int64_t oh = 0; oh < w.output.height; ++oh) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    const TapRange rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
    const int64_t padded_rows =
        taps_on_padded(top, w.dilation.height, w.window.height, w.input.height, w.padding.top, w.padding.bottom);
    const int64_t row = (top + rows.first * w.dilation.height) * w.input.width;
    for (int64_t ow = 0; ow < w.output.width; ++ow) {
      const int64_t left = ow * w.stride.width - w.padding.left;
      const TapRange columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
      const Place place{row + left + columns.first * w.dilation.width, rows.last - rows.first,
                        columns.last - columns.first};
      divisor.set(padding == CountPadding::kExclude
                      ? place.rows * place.columns
                      : padded_rows * taps_on_padded(left, w.dilation.width, w.window.width, w.input.width,
                                                     w.padding.left, w.padding.right));
      visit(oh * w.output.width + ow, place, divisor);
    }
  }
}

// Calls visit(offset) for every pixel of the image in the window.
template <class Visit>
HWY_INLINE void for_each_pixel(const Window2d& w, const Place& place, int64_t channels, Visit visit) {
  const int64_t step = w.dilation.width * channels;
  const int64_t line = w.dilation.height * w.input.width * channels;
  const auto go = [&](int64_t columns) HWY_ATTR {
    int64_t first = place.first * channels;
    for (int64_t r = 0; r < place.rows; ++r, first += line) {
      for (int64_t s = 0; s < columns; ++s) visit(first + s * step);
    }
  };
  // Loops of a known length are unrolled, and most windows are so wide.
  if (place.columns == 2) {
    go(2);
  } else if (place.columns == 3) {
    go(3);
  } else {
    go(place.columns);
  }
}

// Calls work.run<vectors>(d, c) for channels c, c + 1, ...: some whole vectors, then one, then shorter ones. Channels
// do not meet, so all give the same bits.
template <class T, class Work>
HWY_INLINE void for_each_chunk(int64_t channels, const Work& work) {
  const hn::ScalableTag<T> wide;
  const hn::CappedTag<T, 4> narrow;
  const hn::CappedTag<T, 1> single;
  const auto wide_lanes = static_cast<int64_t>(hn::Lanes(wide));
  const auto narrow_lanes = static_cast<int64_t>(hn::Lanes(narrow));
  int64_t c = 0;
  for (; c + 4 * wide_lanes <= channels; c += 4 * wide_lanes) work.template run<4>(wide, c);
  for (; c + 2 * wide_lanes <= channels; c += 2 * wide_lanes) work.template run<2>(wide, c);
  for (; c + wide_lanes <= channels; c += wide_lanes) work.template run<1>(wide, c);
  for (; c + narrow_lanes <= channels; c += narrow_lanes) work.template run<1>(narrow, c);
  for (; c < channels; ++c) work.template run<1>(single, c);
}

// values[v] / divisor
template <int kVectors, class D>
HWY_INLINE void divide(D d, const Divisor& divisor, hn::Vec<D> (&values)[kVectors]) {
  using T = hn::TFromD<D>;
  if (divisor.has_inverse) {
    for (auto& value : values) value = hn::Mul(value, hn::Set(d, static_cast<T>(divisor.inverse)));
  } else {
    for (auto& value : values) value = hn::Div(value, hn::Set(d, static_cast<T>(divisor.value)));
  }
}

// Images are read at the speed of the memory behind the caches only if their lines are prefetched so many floats ahead.
constexpr int64_t kAhead = 1024;

struct Mean {
  const Window2d& w;
  const Place& place;
  const Divisor& divisor;
  int64_t channels;
  const float* x;
  float* y;

  template <int kVectors, class D>
  HWY_INLINE void run(D d, int64_t c) const {
    const hn::Rebind<float, D> floats;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    hn::Vec<D> sums[kVectors];
    for (auto& sum : sums) sum = hn::Zero(d);
    for_each_pixel(w, place, channels, [&](int64_t pixel) HWY_ATTR {
      for (int v = 0; v < kVectors; ++v) {
        hwy::Prefetch(x + pixel + c + v * lanes + kAhead);
        sums[v] = hn::Add(sums[v], hn::PromoteTo(d, hn::LoadU(floats, x + pixel + c + v * lanes)));
      }
    });
    divide<kVectors>(d, divisor, sums);
    for (int v = 0; v < kVectors; ++v) hn::StoreU(hn::DemoteTo(floats, sums[v]), floats, y + c + v * lanes);
  }
};

// Not a lambda, which would be called where it should be inlined.
struct PoolAt {
  const Window2d& w;
  int64_t channels;
  const float* x;
  float* y;

  HWY_INLINE void operator()(int64_t out, const Place& place, const Divisor& divisor) const {
    for_each_chunk<double>(channels, Mean{w, place, divisor, channels, x, y + out * channels});
  }
};

void AveragePool(const Window2d& window, CountPadding padding, int64_t channels, const float* x, float* y) {
  const Window2d w = window;  // which no store can change
  for_each_place(w, padding, PoolAt{w, channels, x, y});
}

// How many pixels of one axis lie in a window, or -1 where one may lie in two.
int64_t covered(int64_t input, int64_t output, int64_t window, int64_t stride, int64_t dilation, int64_t before) {
  if (output > 1 && (dilation > 1 || window > stride)) return -1;
  int64_t count = 0;
  for (int64_t o = 0; o < output; ++o) {
    const TapRange taps = taps_on_image(o * stride - before, dilation, window, input);
    count += taps.last - taps.first;
  }
  return count;
}

template <bool kAdds>
struct Spread {
  const Window2d& w;
  const Place& place;
  const Divisor& divisor;
  int64_t channels;
  const float* dy;
  float* dx;

  template <int kVectors, class D>
  HWY_INLINE void run(D d, int64_t c) const {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    hn::Vec<D> parts[kVectors];
    for (int v = 0; v < kVectors; ++v) parts[v] = hn::LoadU(d, dy + c + v * lanes);
    divide<kVectors>(d, divisor, parts);
    // As if it were added to zeros, also where it is -0.
    for (auto& part : parts) part = hn::Add(part, hn::Zero(d));
    for_each_pixel(w, place, channels, [&](int64_t pixel) HWY_ATTR {
      for (int v = 0; v < kVectors; ++v) {
        float* const target = dx + pixel + c + v * lanes;
        hn::StoreU(kAdds ? hn::Add(hn::LoadU(d, target), parts[v]) : parts[v], d, target);
      }
    });
  }
};

template <bool kAdds>
struct SpreadAt {
  const Window2d& w;
  int64_t channels;
  const float* dy;
  float* dx;

  HWY_INLINE void operator()(int64_t out, const Place& place, const Divisor& divisor) const {
    for_each_chunk<float>(channels, Spread<kAdds>{w, place, divisor, channels, dy + out * channels, dx});
  }
};

template <bool kAdds>
void spread(const Window2d& window, CountPadding padding, int64_t channels, const float* dy, float* dx) {
  const Window2d w = window;
  for_each_place(w, padding, SpreadAt<kAdds>{w, channels, dy, dx});
}

void AveragePoolBackward(const Window2d& w, CountPadding padding, int64_t channels, const float* dy, float* dx) {
  const int64_t rows =
      covered(w.input.height, w.output.height, w.window.height, w.stride.height, w.dilation.height, w.padding.top);
  const int64_t columns =
      covered(w.input.width, w.output.width, w.window.width, w.stride.width, w.dilation.width, w.padding.left);
  if (rows < w.input.height || columns < w.input.width) std::fill_n(dx, w.input_pixels() * channels, 0.0F);
  if (rows < 0 || columns < 0) {
    spread<true>(w, padding, channels, dy, dx);
  } else {
    spread<false>(w, padding, channels, dy, dx);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AveragePool);
HWY_EXPORT(AveragePoolBackward);

void average_pool(const Window2d& window, CountPadding padding, int64_t channels, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(AveragePool)(window, padding, channels, x, y);
}

void average_pool_backward(const Window2d& window, CountPadding padding, int64_t channels, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(AveragePoolBackward)(window, padding, channels, dy, dx);
}

}  // namespace gradloom
#endif  // HWY_ONCE
