#include "kernels/conv2d/channels.h"

#include <algorithm>
#include <utility>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/work_sizes.h"

namespace gradloom {

Extent2d ChannelsShape::padded() const {
  const Padding2d& p = window.padding;
  return {window.input.height + p.top + p.bottom, window.input.width + p.left + p.right};
}

PanelParts::PanelParts(const ChannelsShape& shape, int64_t threads)
    : panels_(shape.panels()),
      last_width_(shape.panel_width(panels_ - 1)),
      parts_(cut(shape.panel_width(0), ceil_divide(threads, panels_), kLanes)) {}

PanelPart PanelParts::part(int64_t index) const {
  const int64_t panel = index / parts_.count;
  const int64_t first = parts_.first(index % parts_.count);
  const int64_t width = panel == panels_ - 1 ? last_width_ : parts_.extent;
  return {panel, first, std::clamp<int64_t>(width - first, 0, parts_.step)};
}

PanelStretches panel_stretches(const ChannelsShape& shape, int64_t panel) {
  const int64_t width = shape.panel_width(panel);
  return {width % kPanelColumns == 0 && simd_gemm_tile_columns() <= kPanelColumns ? kPanelColumns : width};
}

void pack_panels(const ChannelsShape& shape, const PanelPart& part, const float* weights, float* packed) {
  const int64_t row = shape.window.taps() * shape.channels;
  const int64_t panel = part.panel * kFilterPanel * row;
  const PanelStretches stretches = panel_stretches(shape, part.panel);
  for_stretches(shape, part, [&](const PanelPart& stretch) {
    transpose(stretch.filters, row, weights + panel + stretch.first * row, row,
              packed + panel + stretches.place(stretch.first, row), stretches.filters);
  });
}

// ---- direct

EvenTiling channels_row_tiles(const ChannelsShape& shape) {
  const Extent2d& output = shape.window.output;
  const double flops_per_row = 2.0 * static_cast<double>(output.width * shape.window.taps() * shape.channels) *
                               static_cast<double>(shape.panel_width(0));
  return {output.height, ceil_divide(output.height, rows_of_job(flops_per_row))};
}

void conv2d_channels(const ChannelsShape& shape, const ChannelsJob& job, const float* x, const float* packed,
                     const ChannelsOutput& output, const PixelSteps& steps) {
  if (job.rows == 0) return;
  const Window2d& w = shape.window;
  const auto& [first_row, tile_rows, panel] = job;
  const int64_t pixel = shape.x_channels;
  const int64_t row = shape.padded().width * pixel;
  // The pixels of some rows are equally far apart where there is one a row, or these lie one behind the other.
  const bool one_a_row = w.output.width == 1;
  const bool rows_meet = w.pointwise() && row == w.output.width * pixel && steps.row == w.output.width * steps.pixel;
  const int64_t rows = one_a_row || rows_meet ? 1 : tile_rows;
  const int64_t pixels = tile_rows / rows * w.output.width;
  const int64_t y_step = one_a_row ? steps.row : steps.pixel;
  // The taps of a window's row lie side by side, unless there are other channels or pixels between them.
  const bool whole_rows = shape.channels == pixel && w.dilation.width == 1;
  // A phase of the gradient of the input may have none.
  const int64_t calls = whole_rows || w.taps() == 0 ? 1 : w.window.height;
  const int64_t first_filter = panel * kFilterPanel;
  const int64_t width = shape.panel_width(panel);
  const int64_t filter = w.taps() * shape.channels;
  const PanelStretches stretches = panel_stretches(shape, panel);
  const int64_t row_filters = w.window.width * shape.channels * stretches.filters;
  const float* const bias = output.bias == nullptr ? nullptr : output.bias + first_filter;
  const bool relu = output.activation == Activation::kRelu;
  for (int64_t p = first_row; p < first_row + rows; ++p) {
    ImageWindows windows{.data = x + p * w.stride.height * row,
                         .stride = one_a_row ? w.stride.height * row : w.stride.width * pixel,
                         .segments = w.taps() == 0 ? 0
                                     : whole_rows  ? w.window.height
                                                   : w.window.width,
                         .segment = whole_rows ? w.dilation.height * row : w.dilation.width * pixel,
                         .length = whole_rows ? w.window.width * pixel : shape.channels};
    float* const y = output.y + p * steps.row + first_filter;
    for (int64_t call = 0; call < calls; ++call, windows.data += w.dilation.height * row) {
      const Epilogue epilogue = call + 1 < calls ? Epilogue{} : Epilogue{.column_bias = bias, .relu = relu};
      const float* const filters = packed + first_filter * filter + call * row_filters;
      simd_gemm_windows(pixels, width, windows, stretches.columns(filters, filter),
                        call == 0 ? Accumulate::kOverwrite : Accumulate::kAdd, y, y_step, epilogue);
    }
    if (!relu) add_bias_and_activate(output.activation, {pixels, width, y_step}, nullptr, y);
  }
}

// ---- gradients

void pack_flipped_panels(const ChannelsShape& shape, const PanelPart& part, const FlippedTaps& flipped,
                         const float* weights, float* packed) {
  const int64_t taps = shape.window.taps();
  const int64_t of_channel = flipped.window.height * flipped.window.width * shape.filters;
  const int64_t panel = part.panel * kFilterPanel;
  const PanelStretches stretches = panel_stretches(shape, part.panel);
  for_stretches(shape, part, [&](const PanelPart& stretch) {
    const float* const from = weights + panel + stretch.first;
    float* to = packed + panel * taps * shape.channels + stretches.place(stretch.first, taps * shape.channels);
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t r = flipped.last.height - tap / shape.window.window.width * flipped.step.height;
      const int64_t s = flipped.last.width - tap % shape.window.window.width * flipped.step.width;
      const float* const of_tap = from + (r * flipped.window.width + s) * shape.filters;
      for (int64_t c = 0; c < shape.channels; ++c, to += stretches.filters) {
        std::copy_n(of_tap + c * of_channel, stretch.filters, to);
      }
    }
  });
}

namespace {

// What a window's row holds side by side in the image, unless there are other channels or pixels between its taps: then
// the channels of one.
int64_t side_by_side(const ChannelsShape& shape) {
  const bool whole_rows = shape.channels == shape.x_channels && shape.window.dilation.width == 1;
  return (whole_rows ? shape.window.window.width : 1) * shape.channels;
}

// Few of those leave a vector partly empty, which filters may fill.
bool filters_fill_vectors(const ChannelsShape& shape) {
  const int64_t columns = side_by_side(shape);
  return columns < kLanes && 5 * columns * ceil_divide(shape.filters, kLanes) < 4 * shape.filters;
}

}  // namespace

Tiling channels_gradient_tiles(const ChannelsShape& shape) {
  constexpr int64_t kFilters = 24;
  if (!filters_fill_vectors(shape)) return cut(shape.filters, ceil_divide(shape.filters, kFilters));
  constexpr int64_t kVectors = 2;
  return cut(shape.filters, std::max<int64_t>(2, ceil_divide(shape.filters, kVectors * kLanes)), kLanes);
}

int64_t channels_gradient_rows(const ChannelsShape& shape) {
  // So many that a tile of the gradient is read and written rarely; so few that their channels and filters stay in
  // L2 from tile to tile, and that long sums lose no digits.
  constexpr int64_t kPixels = 256;
  return std::max<int64_t>(1, kPixels / shape.window.output.width);
}

void conv2d_channels_weight_gradient(const ChannelsShape& shape, int64_t images, int64_t filter_tile, int64_t tap_row,
                                     const float* x, const float* dz, const ChannelsGradient& gradient) {
  const Window2d& w = shape.window;
  const Tiling tiles = channels_gradient_tiles(shape);
  const int64_t first = tiles.first(filter_tile);
  const int64_t filters = tiles.size(filter_tile);
  const int64_t pixel = shape.x_channels;
  const Extent2d padded = shape.padded();
  const int64_t row = padded.width * pixel;
  const int64_t columns = side_by_side(shape);
  const int64_t of_row = w.window.width * shape.channels;
  const int64_t of_filter = w.taps() * shape.channels;
  const bool adds = gradient.accumulate == Accumulate::kAdd;
  float* const to = gradient.weights + first * of_filter + tap_row * of_row;
  float* const bias = gradient.bias == nullptr || tap_row > 0 ? nullptr : gradient.bias + first;
  if (bias != nullptr && !adds) std::fill_n(bias, filters, 0.0F);
  const bool transposed = filters_fill_vectors(shape);
  float sums[kLanes * 2 * kLanes];
  const int64_t rows_at_once = channels_gradient_rows(shape);
  for (int64_t s = 0; s * columns < of_row; ++s) {
    if (transposed && adds) transpose(filters, columns, to + s * columns, of_filter, sums, filters);
    for (int64_t image = 0; image < images; ++image) {
      for (int64_t p = 0; p < w.output.height; p += rows_at_once) {
        const int64_t rows = std::min(rows_at_once, w.output.height - p);
        ImagePixels of_output{dz + (image * w.output.height + p) * w.output.width * shape.y_channels + first,
                              shape.y_channels, w.output.width, rows, w.output.width * shape.y_channels};
        ImagePixels of_input{x + (image * padded.height + p * w.stride.height + tap_row * w.dilation.height) * row +
                                 s * w.dilation.width * pixel,
                             w.stride.width * pixel, w.output.width, rows, w.stride.height * row};
        if (w.output.width == 1 || w.pointwise()) {
          // As in conv2d_channels.
          for (ImagePixels* of : {&of_output, &of_input}) {
            if (w.output.width == 1) of->stride = of->row;
            of->pixels *= std::exchange(of->rows, 1);
          }
        }
        const Accumulate how = image == 0 && p == 0 ? gradient.accumulate : Accumulate::kAdd;
        if (transposed) {
          simd_gemm_pixels(columns, filters, of_input, of_output, how, sums, filters);
        } else {
          simd_gemm_pixels(filters, columns, of_output, of_input, how, to + s * columns, of_filter);
        }
        if (bias == nullptr || s > 0) continue;
        add_column_sums({rows * w.output.width, filters, shape.y_channels}, of_output.data, bias);
      }
    }
    if (transposed) transpose(columns, filters, sums, filters, to + s * columns, of_filter);
  }
}

}  // namespace gradloom
