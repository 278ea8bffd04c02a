#include "kernels/conv2d/im2col.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/im2col.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Runs are often a few floats long, where a call of memcpy would cost more than the copy.
HWY_INLINE void copy(const float* HWY_RESTRICT from, int64_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; count >= lanes; count -= lanes, from += lanes, to += lanes) hn::StoreU(hn::LoadU(d, from), d, to);
  const auto rest = static_cast<size_t>(count);
  if (rest > 0) store_first(load_first(d, from, rest), d, to, rest);
}

HWY_INLINE void clear(int64_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; count >= lanes; count -= lanes, to += lanes) hn::StoreU(hn::Zero(d), d, to);
  if (count > 0) store_first(hn::Zero(d), d, to, static_cast<size_t>(count));
}

HWY_INLINE void add(const float* HWY_RESTRICT from, int64_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; count >= lanes; count -= lanes, from += lanes, to += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, to), hn::LoadU(d, from)), d, to);
  }
  const auto rest = static_cast<size_t>(count);
  if (rest > 0) store_first(hn::Add(load_first(d, to, rest), load_first(d, from, rest)), d, to, rest);
}

// Calls inside(offset in the image, count, offset in the columns) and outside(count, offset in the columns) for the
// stretches that make up the rows of the output pixels [begin, end), in order.
template <class Inside, class Outside>
HWY_INLINE void for_each_stretch(const Window2d& w, const ChannelRange& channels, int64_t begin, int64_t end,
                                 Inside inside, Outside outside) {
  // Neighbouring taps lie side by side in the image when nothing stands between them.
  const bool merged = w.dilation.width == 1 && channels.count == channels.total;
  int64_t column = 0;
  int64_t oh = begin / w.output.width;
  int64_t ow = begin % w.output.width;
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const int64_t top = oh * w.stride.height - w.padding.top;
    const int64_t left = ow * w.stride.width - w.padding.left;
    const int64_t first = std::clamp<int64_t>(-left, 0, w.window.width);           // taps before it lie in padding,
    const int64_t last = std::clamp(w.input.width - left, first, w.window.width);  // and from here on (dilation 1)
    for (int64_t r = 0; r < w.window.height; ++r) {
      const int64_t row = top + r * w.dilation.height;
      const bool row_inside = row >= 0 && row < w.input.height;
      const int64_t row_start = row * w.input.width;
      if (!row_inside) {
        outside(w.window.width * channels.count, column);
        column += w.window.width * channels.count;
      } else if (merged) {
        if (first > 0) outside(first * channels.count, column);
        inside((row_start + left + first) * channels.total, (last - first) * channels.count,
               column + first * channels.count);
        if (last < w.window.width) outside((w.window.width - last) * channels.count, column + last * channels.count);
        column += w.window.width * channels.count;
      } else {
        for (int64_t s = 0; s < w.window.width; ++s, column += channels.count) {
          const int64_t at = left + s * w.dilation.width;
          if (at >= 0 && at < w.input.width) {
            inside((row_start + at) * channels.total + channels.first, channels.count, column);
          } else {
            outside(channels.count, column);
          }
        }
      }
    }
    if (++ow == w.output.width) {
      ow = 0;
      ++oh;
    }
  }
}

void Im2col(const Window2d& window, const ChannelRange& channels, const float* image, int64_t begin, int64_t end,
            float* columns) {
  for_each_stretch(
      window, channels, begin, end,
      [=](int64_t source, int64_t count, int64_t target) { copy(image + source, count, columns + target); },
      [=](int64_t count, int64_t target) { clear(count, columns + target); });
}

void AddCol2im(const Window2d& window, const ChannelRange& channels, const float* columns, int64_t begin, int64_t end,
               float* image) {
  for_each_stretch(
      window, channels, begin, end,
      [=](int64_t target, int64_t count, int64_t source) { add(columns + source, count, image + target); },
      [](int64_t, int64_t) {});
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Im2col);
HWY_EXPORT(AddCol2im);

void im2col(const Window2d& window, const ChannelRange& channels, const float* image, int64_t begin, int64_t end,
            float* columns) {
  HWY_DYNAMIC_DISPATCH(Im2col)(window, channels, image, begin, end, columns);
}

void add_col2im(const Window2d& window, const ChannelRange& channels, const float* columns, int64_t begin, int64_t end,
                float* image) {
  HWY_DYNAMIC_DISPATCH(AddCol2im)(window, channels, columns, begin, end, image);
}

}  // namespace gradloom
#endif  // HWY_ONCE
