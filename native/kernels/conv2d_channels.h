// Convolution over images in rows, channels last, with filters in the SIMD lanes: for a few samples, where a block of
// lanes would be mostly empty. Neither reads a window twice into memory: the direct kernel multiplies windows where
// they lie in a padded copy (kernels/simd_gemm.h), the other one is Winograd's F(4x4, 3x3) (kernels/winograd.h), for
// images whose pixels are whole vectors of 16 channels, with the error that kernels/conv2d_winograd.h tells.
//   C, K: channels and filters of one group; P, Q: of the output; T: tiles of a chunk
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/tiling.h"
#include "kernels/window2d.h"

namespace gradloom {

// Filters that a product takes at once, a panel.
inline constexpr int64_t kFilterPanel = 64;

struct ChannelsShape {
  int64_t channels;    // C
  int64_t filters;     // K
  Window2d window;     // of the image as it is, padding included
  int64_t x_channels;  // of a pixel: those of all groups
  int64_t y_channels;

  int64_t panels() const { return ceil_divide(filters, kFilterPanel); }
  int64_t panel_width(int64_t panel) const { return std::min(kFilterPanel, filters - panel * kFilterPanel); }
  Extent2d padded() const;
};

// Some filters of a panel, from `first` of its own on.
struct PanelPart {
  int64_t panel;
  int64_t first;
  int64_t filters;
};
// All panels cut, where they are fewer than threads, into parts of whole vectors: jobs with filters of their own.
class PanelParts {
 public:
  PanelParts(const ChannelsShape& shape, int64_t threads);

  int64_t count() const { return panels_ * parts_.count; }
  // None may be left of the last panel.
  PanelPart part(int64_t index) const;

 private:
  int64_t panels_;
  int64_t last_width_;
  Tiling parts_;  // of a panel
};

// turned[panel][r][s][c][k] = w[k][r][s][c], for some filters; K R S C floats in all.
void turn_filters(const ChannelsShape& shape, const PanelPart& part, const float* weights, float* turned);

// What follows a sum: bias may be null; activations that span a row are left to the caller.
struct ChannelsOutput {
  const float* bias;
  Activation activation;
  float* y;
};

// ---- direct

// The output rows of an image cut into jobs.
EvenTiling channels_row_tiles(const ChannelsShape& shape);
// y[p][q][k] of some output rows of an image and the filters of one panel. x: the padded image of all groups, from this
// group's first channel on; y: of the image, likewise.
void conv2d_channels(const ChannelsShape& shape, int64_t row_tile, int64_t panel, const float* x, const float* turned,
                     const ChannelsOutput& output);

// ---- gradients

// The same for the convolution of the gradient of the output that gives that of the input, whose channels are the
// forward pass's filters: turned[panel][r][s][c][k] = w[c][R - 1 - r][S - 1 - s][k].
void turn_windows(const ChannelsShape& shape, const PanelPart& part, const float* weights, float* turned);

// Filters whose gradient is one job for each row of the window.
EvenTiling channels_gradient_tiles(const ChannelsShape& shape);
// gradient[k][r][s][c] over some images, for a tile of filters and row r of the window, from this group's first filter
// on. x: the padded images, as above; dz: that of their output, likewise.
void conv2d_channels_weight_gradient(const ChannelsShape& shape, int64_t images, int64_t filter_tile, int64_t tap_row,
                                     const float* x, const float* dz, float* gradient);

// ---- Winograd

// Whether vectors of 16 channels fill the pixels of every group.
bool winograd_channels_fit(int64_t channels, int64_t filters);

// Floats of the transformed filters of all panels: [panel][36][C][64].
int64_t winograd_channels_filter_floats(const ChannelsShape& shape);
// For some filters, from what `turn_filters` gave.
void winograd_channels_filters(const ChannelsShape& shape, const PanelPart& part, const float* turned, float* u);

// The tiles of all images, one image after another, go through two passes chunk by chunk: all `transforms`, then all
// `products`. `v` holds `winograd_channels_tiles_floats` floats, and each thread has `.._products_floats`. Chunks do
// not depend on each other.
Tiling winograd_channels_chunks(const ChannelsShape& shape, int64_t images, int64_t threads);
// How many of up to `threads` have tiles enough for chunks of their own.
int64_t winograd_channels_chunk_threads(const ChannelsShape& shape, int64_t images, int64_t threads);
int64_t winograd_channels_tiles_floats(const ChannelsShape& shape);
int64_t winograd_channels_products_floats(const ChannelsShape& shape);

Tiling winograd_channels_transforms(const ChannelsShape& shape, int64_t tiles);
void winograd_channels_transform(const ChannelsShape& shape, const Tiling& chunks, int64_t chunk, int64_t job,
                                 const float* x, float* v);
// `parts`: of the filters.
int64_t winograd_channels_products(const ChannelsShape& shape, const PanelParts& parts, int64_t tiles);
void winograd_channels_product(const ChannelsShape& shape, const PanelParts& parts, const Tiling& chunks, int64_t chunk,
                               int64_t job, const float* v, const float* u, const ChannelsOutput& output, float* m);
// What gives as many products as threads for so few tiles.
PanelParts winograd_channels_parts(const ChannelsShape& shape, const Tiling& chunks, int64_t threads);

}  // namespace gradloom
