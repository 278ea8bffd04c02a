// Convolution as a product of matrices: im2col lays the window of every output pixel out as a row; col2im is its
// adjoint. H, W, C: height, width, channels of an image, channels last; R, S: height and width of the window.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

// The channels [first, first + count) of an image of `total` channels: one group of a convolution.
struct ChannelRange {
  int64_t first;
  int64_t count;
  int64_t total;
};

// columns[p - begin, (r, s, c)] = image[pixel (r, s) of output pixel p, channel c], 0 in padding, for p in [begin,
// end).
void im2col(const Window2d& window, const ChannelRange& channels, const float* image, int64_t begin, int64_t end,
            float* columns);

// image[pixel (r, s) of output pixel p, channel c] += columns[p - begin, (r, s, c)]; what falls into padding is
// dropped.
void add_col2im(const Window2d& window, const ChannelRange& channels, const float* columns, int64_t begin, int64_t end,
                float* image);

}  // namespace gradloom
