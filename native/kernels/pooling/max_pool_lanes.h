// Max pooling over images in lanes (kernels/layout/lanes.h), by the rules of kernels/pooling/max_pool.h. One channel of
// one block of 16 samples at a time.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

// The number of a tap, r * S + s, that won a window: short, since all of them are kept until backward.
using ArgmaxTap = uint16_t;
constexpr ArgmaxTap kNoTap = 0xFFFF;

// Room for the winners of so many windows and lanes.
inline int64_t floats_of_winners(int64_t count) { return (count + 1) / 2; }

// Which windows have a winner. Relu lets no gradient through where its output is not above 0.
enum class Winners { kOfAll, kOfPositive };

// Whether taps have numbers below kNoTap.
bool taps_have_numbers(const Window2d& window);

// y[p] = max over the window of output pixel p; winner[p] = the tap it came from or kNoTap, a lane each.
// x: [H][W][16], y and winner: [P][Q][16]. winner may be null.
void max_pool_lanes(const Window2d& window, Winners winners, const float* x, float* y, ArgmaxTap* winner);

// dx[pixel of the winning tap of p] += dy[p], after dx was set to 0. Returns the sum of dx.
float max_pool_lanes_backward(const Window2d& window, const float* dy, const ArgmaxTap* winner, float* dx);

// That sum alone, of so many windows.
float sum_at_argmax(int64_t windows, const float* dy, const ArgmaxTap* winner);

}  // namespace gradloom
