// Convolution over images in rows, channels last, with filters in the SIMD lanes: for a few samples, where a block of
// lanes would be mostly empty. No window is read twice into memory: they are multiplied where they lie in a padded copy
// (kernels/gemm/simd_gemm.h). kernels/winograd/conv2d_channels.h has the same by Winograd.
//   C, K: channels and filters of one group; P, Q: of the output
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/conv2d/input_phase.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/simd_gemm.h"
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
// Filters of a panel that lie side by side, row after row: [panel's filters / F][rows][F]. Rows are the terms of a sum.
// F is 16 where a tile of the product takes no more and they make up the panel, which is read from end to end then:
// where pixels are few, products wait for it. Else it is all of them.
struct PanelStretches {
  int64_t filters;  // F

  int64_t place(int64_t filter, int64_t rows) const { return filter / filters * filters * rows + filter % filters; }
  // For a product.
  ColumnPanels columns(const float* data, int64_t rows) const {
    return {data, filters == kPanelColumns ? kPanelColumns * rows : kPanelColumns, filters};
  }
};
PanelStretches panel_stretches(const ChannelsShape& shape, int64_t panel);
// body(part) for what of `part` lies side by side.
template <class Body>
void for_stretches(const ChannelsShape& shape, const PanelPart& part, Body body) {
  const int64_t step = panel_stretches(shape, part.panel).filters;
  for (int64_t first = part.first, count = 0; first < part.first + part.filters; first += count) {
    count = std::min(step - first % step, part.first + part.filters - first);
    body(PanelPart{part.panel, first, count});
  }
}

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

// packed[panel][k / F][r][s][c][k % F] = w[k][r][s][c], for some filters; K R S C floats in all.
void pack_panels(const ChannelsShape& shape, const PanelPart& part, const float* weights, float* packed);

// What follows a sum: bias may be null; activations that span a row are left to the caller.
struct ChannelsOutput {
  const float* bias;
  Activation activation;
  float* y;

  ChannelsOutput of_group(const ChannelsShape& shape, int64_t group) const {
    return {bias == nullptr ? nullptr : bias + group * shape.filters, activation, y + group * shape.filters};
  }
};

// ---- direct

// The output rows of an image cut into jobs.
EvenTiling channels_row_tiles(const ChannelsShape& shape);

// Floats between the output's pixels. Those of a phase of the gradient of the input lie a stride apart.
struct PixelSteps {
  int64_t row;
  int64_t pixel;
};

struct ChannelsJob {
  int64_t first_row;  // of an image's output
  int64_t rows;
  int64_t panel;
};
// y[p][q][k] of some output rows of an image and the filters of one panel. x: the padded image of all groups, from this
// group's first channel on; y: of the image, likewise.
void conv2d_channels(const ChannelsShape& shape, const ChannelsJob& job, const float* x, const float* packed,
                     const ChannelsOutput& output, const PixelSteps& steps);

// ---- gradients

// The same for a convolution of the gradient of the output that gives that of the input or, with a stride, of a phase
// of it (kernels/conv2d/input_phase.h). Its channels are the forward pass's filters: packed[panel][k / F][r][s][c][k %
// F] = w[c][last.height - r step.height][last.width - s step.width][k].
void pack_flipped_panels(const ChannelsShape& shape, const PanelPart& part, const FlippedTaps& flipped,
                         const float* weights, float* packed);

// Filters whose gradient is one job for each row of the window.
Tiling channels_gradient_tiles(const ChannelsShape& shape);
// Output rows whose products are one sum. Images cut behind so many, the gradients of whose parts are added in order,
// give the bits of one call.
int64_t channels_gradient_rows(const ChannelsShape& shape);

// Of one group, from its first filter on.
struct ChannelsGradient {
  Accumulate accumulate;
  float* weights;  // [K, R, S, C]
  float* bias;     // [K], of the jobs of row 0 of the window; null: nobody wants it
};

// The gradients over some images, for a tile of filters and row r of the window. x: the padded images, as above; dz:
// that of their output, likewise.
void conv2d_channels_weight_gradient(const ChannelsShape& shape, int64_t images, int64_t filter_tile, int64_t tap_row,
                                     const float* x, const float* dz, const ChannelsGradient& gradient);

}  // namespace gradloom
