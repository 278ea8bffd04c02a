// An image that is changed on its way into a batch, pixel by pixel and in double: where does this place come from?
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/gather/augment.h"

namespace gradloom::reference {

template <class Stored>
void augment_image(const Stored* x, const double* scale, const double* shift, const ImageSize& size, Padding padding,
                   const ImageChange& change, double* out) {
  const auto outside = [](int64_t at, int64_t extent) { return at < 0 || at >= extent; };
  for (int64_t h = 0; h < size.height; ++h) {
    for (int64_t w = 0; w < size.width; ++w) {
      int64_t from_h = h - change.down;
      int64_t from_w = w - change.right;
      const auto& cut = change.cut;
      const bool cut_out = h >= cut.top && h < cut.bottom && w >= cut.left && w < cut.right;
      const bool bare = outside(from_h, size.height) || outside(from_w, size.width);
      from_h = std::clamp<int64_t>(from_h, 0, size.height - 1);
      from_w = std::clamp<int64_t>(from_w, 0, size.width - 1);
      if (change.upside_down) from_h = size.height - 1 - from_h;
      if (change.mirrored) from_w = size.width - 1 - from_w;
      for (int64_t c = 0; c < size.channels; ++c) {
        const int64_t from = (from_h * size.width + from_w) * size.channels + c;
        const double value = (static_cast<double>(x[from]) * change.gain + change.offset) * scale[from] + shift[from];
        const bool empty = cut_out || (bare && padding == Padding::kZero);
        out[(h * size.width + w) * size.channels + c] = empty ? 0 : value;
      }
    }
  }
}

}  // namespace gradloom::reference
