// Average pooling over channels-last images. A block of 16 samples in lanes (kernels/layout/lanes.h) is, for one
// channel, such an image with 16 channels, so this serves both layouts.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

enum class CountPadding {
  kExclude,  // the mean of the pixels on the image
  kInclude,  // padding counts as zeros, but not what sticks out beyond it (PyTorch's count_include_pad)
};

// y[p, c] = sum over the window of output pixel p of x[., c] / its count; summed in double.
// x: [H, W, C], y: [OH, OW, C]. Every window must hold at least one pixel of the image.
void average_pool(const Window2d& window, CountPadding padding, int64_t channels, const float* x, float* y);

// dx[q, c] = sum over the windows p that q lies in of dy[p, c] / count of p.
void average_pool_backward(const Window2d& window, CountPadding padding, int64_t channels, const float* dy, float* dx);

}  // namespace gradloom
