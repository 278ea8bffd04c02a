// Max pooling over images in lanes (kernels/lanes.h), by the rules of kernels/max_pool.h. One channel of one block of
// 16 samples at a time.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

// Whether every window lies on the image as a whole and no pixel in two.
bool windows_lie_apart(const Window2d& window);

// y[p] = max over the window of output pixel p; winner[p] = number of the tap (r * S + s) it came from, a lane each.
// x: [H][W][16], y and winner: [P][Q][16]. winner may be null.
void max_pool_lanes(const Window2d& window, const float* x, float* y, int32_t* winner);

// dx[pixel of the winning tap of p] += dy[p], after dx was set to 0.
void max_pool_lanes_backward(const Window2d& window, const float* dy, const int32_t* winner, float* dx);

}  // namespace gradloom
