// Max pooling over channels-last images. The first of equal values in row order wins, padding never does, NaN wins
// always (PyTorch's rules).
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

// y[p, c] = max over the window of output pixel p; winner[p, c] = h * W + w of the pixel it came from.
// x: [H, W, C], y and winner: [OH, OW, C], of which `rows` rows from `first` on are written. winner may be null. Every
// window must hold at least one pixel of the image.
void max_pool(const Window2d& window, int64_t channels, int64_t first, int64_t rows, const float* x, float* y,
              int32_t* winner);

// dx[winner[p, c], c] += dy[p, c], after dx was set to 0.
void max_pool_backward(const Window2d& window, int64_t channels, const float* dy, const int32_t* winner, float* dx);

}  // namespace gradloom
