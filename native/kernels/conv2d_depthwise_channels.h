// Convolution with a filter of its own for each channel over images in rows, channels in the SIMD lanes: for a few
// samples. The gradient of the input is the same loop: each of its pixels, too, meets some taps and for each of them a
// pixel of the other image.
//   C: channels; R, S: rows and columns of the window
#pragma once

#include <cstdint>

#include "kernels/tiling.h"
#include "kernels/window2d.h"

namespace gradloom {

// From which image to which, and with what of it each pixel of the result is multiplied.
enum class DepthwisePass { kForward, kInputGradient };

struct DepthwiseShape {
  Window2d window;
  int64_t channels;
};

// turned[r][s][c] = w[c][r][s]
void depthwise_turn_weights(const DepthwiseShape& shape, const float* weights, float* turned);

// Rows of the result cut into jobs.
Tiling depthwise_row_tiles(const DepthwiseShape& shape, DepthwisePass pass);

// Rows of `to` of one image, all channels: y of x, or dx of dz. Bias may be null.
struct DepthwiseOutput {
  const float* bias = nullptr;
  bool relu = false;
  float* to;
};
void conv2d_depthwise_channels(const DepthwiseShape& shape, DepthwisePass pass, const Tiling& rows, int64_t tile,
                               const float* from, const float* turned, const DepthwiseOutput& output);

// gradient[c][r][s] over some images, for one tap and some channels, a job.
Tiling depthwise_gradient_channels(const DepthwiseShape& shape);
void conv2d_depthwise_channels_weight_gradient(const DepthwiseShape& shape, int64_t images, int64_t tap,
                                               int64_t channel_tile, const float* x, const float* dz, float* gradient);

}  // namespace gradloom
