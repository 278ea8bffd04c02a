// Planes made larger: by zeros around them, or by repeating every pixel. A plane is [height][width][inner]: a sample in
// rows, where `inner` are the channels, or one channel of a block of samples in lanes.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

struct Plane {
  int64_t height;
  int64_t width;
  int64_t inner;

  int64_t size() const { return height * width * inner; }
};

// `out` is [top + height + bottom][left + width + right][inner].
void zero_pad(const Plane& plane, const Padding2d& padding, const float* in, float* out);
// The gradient of `in`: what lies inside of the padding.
void zero_pad_backward(const Plane& plane, const Padding2d& padding, const float* dout, float* din);

// `out` is [height * factor.height][width * factor.width][inner]; every pixel fills a block.
void upsample_nearest(const Plane& plane, const Extent2d& factor, const float* in, float* out);
// The gradient of `in`: the sum of each block, row by row.
void upsample_nearest_backward(const Plane& plane, const Extent2d& factor, const float* dout, float* din);

}  // namespace gradloom
