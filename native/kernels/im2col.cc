#include "kernels/im2col.h"

#include <cstring>

namespace gradloom {
namespace {

// Calls visit(offset in the image or -1 in padding, offset in the columns) for each tap of the output pixels [begin, end).
template <class Visit>
void for_each_tap(const Window2d& w, const ChannelRange& channels, int64_t begin, int64_t end, Visit visit) {
  int64_t column = 0;
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const int64_t top = pixel / w.output.width * w.stride.height - w.padding.top;
    const int64_t left = pixel % w.output.width * w.stride.width - w.padding.left;
    for (int64_t r = 0; r < w.window.height; ++r) {
      const int64_t row = top + r * w.dilation.height;
      const bool row_inside = row >= 0 && row < w.input.height;
      for (int64_t s = 0; s < w.window.width; ++s, column += channels.count) {
        const int64_t at = left + s * w.dilation.width;
        const bool inside = row_inside && at >= 0 && at < w.input.width;
        visit(inside ? (row * w.input.width + at) * channels.total + channels.first : -1, column);
      }
    }
  }
}

}  // namespace

void im2col(const Window2d& window, const ChannelRange& channels, const float* image, int64_t begin, int64_t end,
            float* columns) {
  const int64_t count = channels.count;
  for_each_tap(window, channels, begin, end, [=](int64_t source, int64_t target) {
    float* out = columns + target;
    if (source < 0) {
      for (int64_t c = 0; c < count; ++c) out[c] = 0.0F;
    } else if (count < 16) {  // a call of memcpy costs more than these few floats
      for (int64_t c = 0; c < count; ++c) out[c] = image[source + c];
    } else {
      std::memcpy(out, image + source, static_cast<size_t>(count) * sizeof(float));
    }
  });
}

void add_col2im(const Window2d& window, const ChannelRange& channels, const float* columns, int64_t begin, int64_t end,
                float* image) {
  const int64_t count = channels.count;
  for_each_tap(window, channels, begin, end, [=](int64_t target, int64_t source) {
    if (target < 0) return;
    for (int64_t c = 0; c < count; ++c) image[target + c] += columns[source + c];
  });
}

}  // namespace gradloom
