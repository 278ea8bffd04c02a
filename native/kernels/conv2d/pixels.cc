#include "kernels/conv2d/pixels.h"

#include <algorithm>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/work_sizes.h"

namespace gradloom {

EvenTiling pixels_sample_tiles(const ChannelsShape& shape, int64_t samples) {
  return tile_product_rows(samples, shape.panel_width(0), shape.window.taps() * shape.channels);
}

namespace {

// The taps of a pixel's window that meet the image.
struct MetTaps {
  TapRange rows;
  TapRange columns;

  bool none() const { return rows.last <= rows.first || columns.last <= columns.first; }
};

MetTaps met_taps(const Window2d& w, int64_t top, int64_t left) {
  return {taps_on_image(top, w.dilation.height, w.window.height, w.input.height),
          taps_on_image(left, w.dilation.width, w.window.width, w.input.width)};
}

}  // namespace

void conv2d_pixel(const ChannelsShape& shape, const PixelJob& job, const float* x, const float* packed,
                  const ChannelsOutput& output, const SampleSteps& steps) {
  const Window2d& w = shape.window;
  const int64_t p = job.pixel / w.output.width;
  const int64_t q = job.pixel % w.output.width;
  const int64_t top = p * w.stride.height - w.padding.top;
  const int64_t left = q * w.stride.width - w.padding.left;
  const MetTaps met = met_taps(w, top, left);
  const int64_t taps = met.none() ? 0 : met.columns.last - met.columns.first;
  const int64_t x_row = w.input.width * shape.x_channels;
  // Taps of a row that lie side by side are one stretch. Without any there is the bias alone.
  const bool side_by_side = shape.channels == shape.x_channels && w.dilation.width == 1;
  ImageWindows windows{.data = x + job.first_sample * w.input.height * x_row,
                       .stride = w.input.height * x_row,
                       .segments = side_by_side ? std::min<int64_t>(taps, 1) : taps,
                       .segment = w.dilation.width * shape.x_channels,
                       .length = (side_by_side ? taps : 1) * shape.channels};
  const int64_t first_filter = job.panel * kFilterPanel;
  const int64_t width = shape.panel_width(job.panel);
  const int64_t of_filter = w.taps() * shape.channels;
  const PanelStretches stretches = panel_stretches(shape, job.panel);
  const float* const bias = output.bias == nullptr ? nullptr : output.bias + first_filter;
  const bool relu = output.activation == Activation::kRelu;
  float* const y =
      output.y + job.first_sample * steps.sample + p * steps.pixels.row + q * steps.pixels.pixel + first_filter;
  const int64_t calls = met.none() ? 1 : met.rows.last - met.rows.first;
  for (int64_t call = 0; call < calls; ++call) {
    const int64_t r = met.rows.first + call;
    ImageWindows of_row = windows;
    of_row.data +=
        (top + r * w.dilation.height) * x_row + (left + met.columns.first * w.dilation.width) * shape.x_channels;
    const float* const filters = packed + first_filter * of_filter +
                                 (r * w.window.width + met.columns.first) * shape.channels * stretches.filters;
    const Epilogue epilogue = call + 1 < calls ? Epilogue{} : Epilogue{.column_bias = bias, .relu = relu};
    simd_gemm_windows(job.samples, width, of_row, stretches.columns(filters, of_filter),
                      call == 0 ? Accumulate::kOverwrite : Accumulate::kAdd, y, steps.sample, epilogue);
  }
  if (!relu) add_bias_and_activate(output.activation, {job.samples, width, steps.sample}, nullptr, y);
}

void conv2d_pixels_weight_gradient(const ChannelsShape& shape, int64_t samples, int64_t filter_tile, int64_t tap,
                                   const float* x, const float* dz, const PixelsGradient& gradient) {
  // So few that long sums lose no digits.
  constexpr int64_t kTerms = 256;
  const Window2d& w = shape.window;
  const Tiling tiles = channels_gradient_tiles(shape);
  const int64_t first = tiles.first(filter_tile);
  const int64_t filters = tiles.size(filter_tile);
  dz += first;
  if (tap == 0 && gradient.bias != nullptr) {
    float* const bias = gradient.bias + first;
    std::fill_n(bias, filters, 0.0F);
    add_column_sums({samples * w.output_pixels(), filters, shape.y_channels}, dz, bias);
  }
  const int64_t r = tap / w.window.width;
  const int64_t s = tap % w.window.width;
  const OutputRange rows = outputs_of_tap(rows_of(w), r);
  const OutputRange columns = outputs_of_tap(columns_of(w), s);
  const int64_t of_filter = w.taps() * shape.channels;
  float* const to = gradient.weights + first * of_filter + tap * shape.channels;
  if (rows.count == 0 || columns.count == 0) {
    for (int64_t k = 0; k < filters; ++k) std::fill_n(to + k * of_filter, shape.channels, 0.0F);
    return;
  }
  // From an output pixel to the input pixel that the tap meets.
  const int64_t down = r * w.dilation.height - w.padding.top;
  const int64_t right = s * w.dilation.width - w.padding.left;
  // A product's terms: of each of some samples the pixels of one row that meet the tap.
  const int64_t at_once = std::max<int64_t>(1, kTerms / columns.count);
  Accumulate accumulate = Accumulate::kOverwrite;
  for (int64_t p = rows.first; p < rows.first + rows.count; ++p) {
    ImagePixels of_output{.data = dz + (p * w.output.width + columns.first) * shape.y_channels,
                          .stride = w.output_pixels() * shape.y_channels,
                          .pixels = 0,
                          .rows = columns.count,
                          .row = shape.y_channels};
    const int64_t first_pixel = (p * w.stride.height + down) * w.input.width + columns.first * w.stride.width + right;
    ImagePixels of_input{.data = x + first_pixel * shape.x_channels,
                         .stride = w.input_pixels() * shape.x_channels,
                         .pixels = 0,
                         .rows = columns.count,
                         .row = w.stride.width * shape.x_channels};
    for (int64_t n = 0; n < samples; n += at_once, accumulate = Accumulate::kAdd) {
      of_output.pixels = of_input.pixels = std::min(at_once, samples - n);
      simd_gemm_pixels(filters, shape.channels, of_output, of_input, accumulate, to, of_filter);
      of_output.data += of_output.pixels * of_output.stride;
      of_input.data += of_input.pixels * of_input.stride;
    }
  }
}

}  // namespace gradloom
