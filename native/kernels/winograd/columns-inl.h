// Where the pixels of Winograd's tiles come from (kernels/winograd/transforms.h): an image, or the gradient of its
// maxima. Included once for every target.
#if defined(GRADLOOM_WINOGRAD_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_WINOGRAD_COLUMNS_INL_H_
#undef GRADLOOM_WINOGRAD_COLUMNS_INL_H_
#else
#define GRADLOOM_WINOGRAD_COLUMNS_INL_H_
#endif

#include <algorithm>

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/pooling/largest_tap-inl.h"
#include "kernels/winograd/axes-inl.h"
#include "kernels/winograd/transforms.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Pixels of a strip of tiles, which share those of neighbours: column by column, `kRows` pixels below each other. Those
// outside of the image are zero. The same pixels of the next images lie pages away, where no processor looks for them
// by itself, so they are prefetched an image or two ahead.
template <int kRows>
class StoredColumns {
 public:
  StoredColumns(const ImageTile& strip, const float* data)
      : vector_(strip.vectors.vector),
        row_(strip.step.height * strip.vectors.image.width * strip.vectors.pixel),
        pixel_(strip.vectors.pixel),
        image_(data) {
    for (int i = 0; i < kRows; ++i) {
      const int64_t row = strip.row + i * strip.step.height;
      exists_[i] = row >= 0 && row < strip.vectors.image.height;
    }
    all_exist_ = std::all_of(exists_, exists_ + kRows, [](bool exists) { return exists; });
    first_ = strip.row * strip.vectors.image.width * pixel_;
    ahead_ = (strip.count > 1 ? 1 : 2) * vector_;
    width_ = strip.vectors.image.width;
  }

  int64_t width() const { return width_; }

  HWY_INLINE void load(int64_t vector, int64_t column, int64_t lane, V (&pixels)[kRows]) const {
    const float* const at = image_ + (vector * vector_ + first_ + column * pixel_ + lane);
    if (all_exist_) {
      for (int i = 0; i < kRows; ++i) pixels[i] = pixel(at + i * row_);
    } else {
      for (int i = 0; i < kRows; ++i) pixels[i] = exists_[i] ? pixel(at + i * row_) : hn::Zero(D());
    }
  }

 private:
  HWY_INLINE V pixel(const float* at) const {
    hwy::Prefetch(at + ahead_);
    return hn::LoadU(D(), at);
  }

  int64_t vector_;
  int64_t row_;
  int64_t pixel_;
  const float* image_;
  int64_t first_;
  int64_t ahead_;
  int64_t width_;
  bool exists_[kRows];
  bool all_exist_;
};

// kOdd: the first row is the second one of its windows.
template <int kRows, bool kOdd>
class ArgmaxColumns {
 public:
  ArgmaxColumns(const ImageTile& strip, const ArgmaxPixels& pixels)
      : pixels_(pixels),
        vector_(strip.vectors.vector),
        row_(strip.vectors.image.width * strip.vectors.pixel),
        pixel_(strip.vectors.pixel),
        width_(2 * strip.vectors.image.width) {
    const int64_t first = (strip.row - kOdd) / 2;
    for (int w = 0; w < kWindows; ++w) exists_[w] = first + w >= 0 && first + w < strip.vectors.image.height;
    first_ = first * row_;
  }

  int64_t width() const { return width_; }

  HWY_INLINE void load(int64_t vector, int64_t column, int64_t lane, V (&pixels)[kRows]) const {
    const int64_t at = vector * vector_ + first_ + column / 2 * pixel_ + lane;
    const auto tap = static_cast<int32_t>(column % 2);
    for (int w = 0; w < kWindows; ++w) {
      const int top = 2 * w - kOdd;
      if (exists_[w]) {
        const float* const dy = pixels_.dy + at + w * row_;
        const ArgmaxTap* const winners = pixels_.winners + at + w * row_;
        hwy::Prefetch(dy + vector_);
        hwy::Prefetch(winners + vector_);
        const ArgmaxGradient<D> won(dy, winners);
        if (top >= 0) pixels[top] = won.of(tap);
        if (top + 1 < kRows) pixels[top + 1] = won.of(tap + 2);
      } else {
        if (top >= 0) pixels[top] = hn::Zero(D());
        if (top + 1 < kRows) pixels[top + 1] = hn::Zero(D());
      }
    }
  }

 private:
  static constexpr int kWindows = (kRows + kOdd + 1) / 2;

  ArgmaxPixels pixels_;
  int64_t vector_;
  int64_t row_;
  int64_t pixel_;
  int64_t width_;
  int64_t first_;
  bool exists_[kWindows];
};

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
