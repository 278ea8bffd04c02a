// Tiles of images in lanes, transposed: where samples were side by side, images are. 16 images, of which some may be
// missing and then are zeros, become the lanes of a vector for each pixel and sample.
#pragma once

#include <cstdint>

#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/window2d.h"

namespace gradloom {

// Some pixels of images in lanes: `images` of them, at most 16, `image` numbers apart.
struct PixelArea {
  int64_t images;
  int64_t image;
  int64_t row;     // numbers from row to row
  int64_t column;  // and from column to column
  Extent2d pixels;
};

// transposed[pixel][sample][image] = source[image][pixel][sample], with both in units of 16 numbers.
void transpose_pixels(const PixelArea& area, const float* source, float* transposed);
void transpose_pixels(const PixelArea& area, const ArgmaxTap* source, ArgmaxTap* transposed);

inline int64_t transposed_numbers(const Extent2d& pixels) { return pixels.height * pixels.width * kLanes * kLanes; }

}  // namespace gradloom
