// Convolutions of one channel by one filter, as depthwise ones are, over a plane in lanes (kernels/layout/lanes.h): 16
// samples of a channel, [H][W][16]. There is little to compute for each float that comes from memory, so what is read
// next is prefetched meanwhile.
//   R, S: height and width of the window; weights and their gradient are [R][S]
#pragma once

#include <cstdint>

#include "common/prefetch.h"
#include "kernels/activation/activation.h"
#include "kernels/gemm/gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/window2d.h"

namespace gradloom {

// Where the pixels of an output are: floats from row to row and pixel to pixel.
struct PlaneOutput {
  float* data;
  int64_t row;
  int64_t pixel;
};

// y[p][q] = activation(bias + sum over r, s of x[p stride + r dilation - top][q stride + s dilation - left] w[r][s])
// for those taps that meet the plane, which needs no padded copy. Padding before it may be negative, and that behind it
// is not looked at. `lanes`: as lanes_in_use, the others may become 0; the activation is linear or relu. `ahead` is
// prefetched meanwhile.
void conv2d_depthwise_forward(const Window2d& window, int64_t lanes, const float* x, const float* weights, float bias,
                              Activation activation, const PlaneOutput& y, const Lines& ahead);

// gradient[r][s] = sum over samples, p, q of dz[p][q] x[p stride + r dilation - top][q stride + s dilation - left], or
// added to it, for windows of up to 3x3, and of 5x5 that all meet the plane as a whole: sums stay in registers (of 5x5
// with 32 of them).
bool depthwise_gradient_fits(const Extent2d& window);
void conv2d_depthwise_weight_gradient(const Window2d& window, int64_t lanes, const float* x, const float* dz,
                                      Accumulate accumulate, float* gradient, const Lines& ahead);

}  // namespace gradloom
