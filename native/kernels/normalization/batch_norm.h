// Sums and maps by channel, as batch normalisation needs them, over a part of an activation in rows or in lanes
// (kernels/layout/lanes.h). Everything is a plain loop over rows of values; what differs is what a column means.
#pragma once

#include <cstdint>

#include "kernels/layout/lanes.h"

namespace gradloom {

enum class Columns {
  kChannels,  // every column is a channel: images and vectors in rows
  kSamples,   // 16 columns are 16 samples of one channel: images in lanes
};

// Rows of `columns` values, `stride` values apart.
struct ChannelBlock {
  int64_t rows;
  int64_t columns;
  int64_t stride;
  Columns meaning = Columns::kChannels;
  int64_t samples = kLanes;  // kSamples: the columns that hold samples; the others are left out
};

// What follows a map: of its value z, y = z, or 0 or slope z where z < 0. Gradients pass, or 0 or slope times as large
// where z is not above 0.
enum class Rectified { kNo, kYes, kLeaky };

// What a channel's values are mapped by; one value a channel.
struct ChannelCoefficients {
  const float* mean;
  const float* scale;
  const float* shift;
  Rectified rectified = Rectified::kNo;
  float slope = 0;  // kLeaky
};

struct GradientCoefficients {
  ChannelCoefficients forward;
  const float* centre;
  const float* slope;
};

struct GradientOperands {
  const double* mean;
  const float* x;
  const float* dy;
};

struct MomentSums {
  double* difference;
  double* square;
};

struct GradientSums {
  double* gradient;
  double* product;
};

// Below, r is a row, c a column, k the channel of c. Sums overwrite; they are made in double, in an order that depends
// on the block alone, and so do their bits. Maps must not overlap their operands; columns without samples become 0.

// sums[k] = sum of x[r, c]
void channel_sums(const ChannelBlock& block, const float* x, double* sums);
// of.difference[k] = sum of x[r, c] - start[k], of.square[k] = sum of (x[r, c] - start[k])^2
void channel_moments(const ChannelBlock& block, const float* start, const float* x, const MomentSums& of);
// gradient[k] = sum of g[r, c], product[k] = sum of (x[r, c] - mean[k]) g[r, c], where g is the gradient of z.
void channel_gradient_sums(const ChannelBlock& block, const ChannelCoefficients& by, const GradientOperands& of,
                           const GradientSums& sums);

// z = (x[r, c] - mean[k]) scale[k] + shift[k], of which y[r, c] follows
void normalize_channels(const ChannelBlock& block, const ChannelCoefficients& by, const float* x, float* y);
// dx[r, c] = scale[k] (g[r, c] - centre[k] - (x[r, c] - mean[k]) slope[k]), g as above
void normalize_channels_backward(const ChannelBlock& block, const GradientCoefficients& by, const float* x,
                                 const float* dy, float* dx);
// dx[r, c] = scale[k] dy[r, c]
void scale_channels(const ChannelBlock& block, const float* scale, const float* dy, float* dx);

}  // namespace gradloom
