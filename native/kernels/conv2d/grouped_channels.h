// Convolution in groups of a few channels or filters over images in rows, with those of all groups in the SIMD lanes:
// for batches that would leave blocks of samples mostly empty. Lane k takes the channels of its own group one after
// another, so that images are spread first: a pixel has a part for each channel of a group, with what each filter meets
// of it. With a filter for each channel they already are. The gradient of the input is the same loop with the roles
// swapped: each of its pixels, too, meets some taps and for each of them a pixel of the other image.
//   C, K: channels and filters; G: groups; R, S: rows and columns of the window
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"
#include "kernels/tiling.h"
#include "kernels/window2d.h"

namespace gradloom {

enum class GroupedPass { kForward, kInputGradient };

struct GroupedShape {
  Window2d window;
  int64_t channels;
  int64_t filters;
  int64_t groups;

  // What lies in the lanes, and the parts of a pixel that each of it meets.
  int64_t width(GroupedPass pass) const { return pass == GroupedPass::kForward ? filters : channels; }
  int64_t parts(GroupedPass pass) const { return (pass == GroupedPass::kForward ? channels : filters) / groups; }
  bool is_spread() const { return channels == groups && filters == groups; }
};

// packed[r][s][part][lane] of w[k][r][s][c], for one tap.
void grouped_pack_weights(const GroupedShape& shape, GroupedPass pass, int64_t tap, const float* weights,
                          float* packed);

// spread[pixel][part][lane]: x for the forward pass and the gradient of the weights, dz for that of the input.
void grouped_spread(const GroupedShape& shape, GroupedPass pass, int64_t pixels, const float* image, float* spread);

// Rows of the result cut into jobs.
Tiling grouped_row_tiles(const GroupedShape& shape, GroupedPass pass);

// Rows of `to` of one image, all lanes: y of x, or dx of dz. Bias may be null.
struct GroupedOutput {
  const float* bias = nullptr;
  bool relu = false;
  float* to;
};
void conv2d_grouped_channels(const GroupedShape& shape, GroupedPass pass, const Tiling& rows, int64_t tile,
                             const float* spread, const float* packed, const GroupedOutput& output);

// Taps of a row of the window, side by side.
struct GroupedTaps {
  static constexpr int64_t kMost = 3;

  int64_t row;
  int64_t column;  // of the first one
  int64_t count;
};

// gradient[k][r][s][c] over some images, or added, for one of the runs of taps and some filters, a job.
Tiling grouped_gradient_tiles(const GroupedShape& shape);
int64_t grouped_gradient_runs(const GroupedShape& shape);
void conv2d_grouped_channels_weight_gradient(const GroupedShape& shape, int64_t images, int64_t run,
                                             int64_t filter_tile, const float* spread, const float* dz,
                                             Accumulate accumulate, float* gradient);

}  // namespace gradloom
