// Convolution of small maps in rows, channels last, pixel by pixel of the output: each is a product whose rows are
// samples, of the taps that meet the image alone. Of windows that mostly reach over an edge, a padded copy would be
// multiplied for its zeros. Shapes and packed filters are those of kernels/conv2d/channels.h.
//   N: samples; C, K: channels and filters of one group; H, W and P, Q: of the input and the output
#pragma once

#include <cstdint>

#include "kernels/conv2d/channels.h"
#include "kernels/tiling.h"

namespace gradloom {

// Samples of a batch cut into jobs.
EvenTiling pixels_sample_tiles(const ChannelsShape& shape, int64_t samples);

// Floats from one sample of the output to the next, and between its pixels.
struct SampleSteps {
  int64_t sample;
  PixelSteps pixels;
};
// y[n][p][q][k] of pixel number `pixel` = p Q + q, the samples of one tile and the filters of one panel. x: [N][H][W]
// of all groups, from this group's first channel on; y likewise.
struct PixelJob {
  int64_t first_sample;
  int64_t samples;
  int64_t pixel;
  int64_t panel;
};
void conv2d_pixel(const ChannelsShape& shape, const PixelJob& job, const float* x, const float* packed,
                  const ChannelsOutput& output, const SampleSteps& steps);

// The gradients over all samples, for a tile of filters (channels_gradient_tiles) and a tap of the window: of the
// weights [K, R, S, C], and with tap 0 of the bias [K], which may be null. dz: as y.
struct PixelsGradient {
  float* weights;
  float* bias;
};
void conv2d_pixels_weight_gradient(const ChannelsShape& shape, int64_t samples, int64_t filter_tile, int64_t tap,
                                   const float* x, const float* dz, const PixelsGradient& gradient);

}  // namespace gradloom
