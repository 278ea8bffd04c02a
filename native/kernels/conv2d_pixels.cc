#include "kernels/conv2d_pixels.h"

#include <algorithm>

#include "kernels/choice.h"
#include "kernels/simd_gemm.h"

namespace gradloom {

EvenTiling pixels_sample_tiles(const ChannelsShape& shape, int64_t samples) {
  return tile_product_rows(samples, shape.panel_width(0), shape.window.taps() * shape.channels);
}

void conv2d_pixel(const ChannelsShape& shape, const PixelJob& job, const float* x, const float* packed,
                  const ChannelsOutput& output) {
  const Window2d& w = shape.window;
  const int64_t top = job.pixel / w.output.width * w.stride.height - w.padding.top;
  const int64_t left = job.pixel % w.output.width * w.stride.width - w.padding.left;
  const TapRange rows = taps_on_image(top, w.dilation.height, w.window.height, w.input.height);
  const TapRange columns = taps_on_image(left, w.dilation.width, w.window.width, w.input.width);
  const int64_t taps = std::max<int64_t>(columns.last - columns.first, 0);
  const int64_t pixel = shape.x_channels;
  const int64_t row = w.input.width * pixel;
  // Taps of a row that lie side by side are one stretch.
  const bool side_by_side = shape.channels == pixel && w.dilation.width == 1;
  ImageWindows windows{.data = x + job.first_sample * w.input.height * row,
                       .stride = w.input.height * row,
                       .segments = side_by_side ? 1 : taps,
                       .segment = w.dilation.width * pixel,
                       .length = (side_by_side ? taps : 1) * shape.channels};
  windows.data += top * row + (left + columns.first * w.dilation.width) * pixel;
  const int64_t first_filter = job.panel * kFilterPanel;
  const int64_t width = shape.panel_width(job.panel);
  const int64_t of_filter = w.taps() * shape.channels;
  const PanelStretches stretches = panel_stretches(shape, job.panel);
  const float* const bias = output.bias == nullptr ? nullptr : output.bias + first_filter;
  const bool relu = output.activation == Activation::kRelu;
  const int64_t y_stride = w.output_pixels() * shape.y_channels;
  float* const y = output.y + job.first_sample * y_stride + job.pixel * shape.y_channels + first_filter;
  // Without a tap on the image there is the bias alone.
  const int64_t calls = std::max<int64_t>(rows.last - rows.first, 1);
  if (rows.last <= rows.first || taps == 0) windows.segments = 0;
  for (int64_t call = 0; call < calls; ++call) {
    const int64_t r = rows.first + call;
    const float* const filters =
        packed + first_filter * of_filter + (r * w.window.width + columns.first) * shape.channels * stretches.filters;
    ImageWindows of_row = windows;
    of_row.data += r * w.dilation.height * row;
    const Epilogue epilogue = call + 1 < calls ? Epilogue{} : Epilogue{.column_bias = bias, .relu = relu};
    simd_gemm_windows(job.samples, width, of_row, stretches.columns(filters, of_filter),
                      call == 0 ? Accumulate::kOverwrite : Accumulate::kAdd, y, y_stride, epilogue);
  }
  if (!relu) add_bias_and_activate(output.activation, {job.samples, width, y_stride}, nullptr, y);
}

void conv2d_pixels_weight_gradient(const ChannelsShape& shape, int64_t samples, int64_t filter_tile, int64_t tap,
                                   const float* x, const float* dz, const PixelsGradient& gradient) {
  // So few that long sums lose no digits.
  constexpr int64_t kTerms = 256;
  const Window2d& w = shape.window;
  const Tiling tiles = channels_gradient_tiles(shape);
  const int64_t first = tiles.first(filter_tile);
  const int64_t filters = tiles.size(filter_tile);
  const int64_t r = tap / w.window.width;
  const int64_t s = tap % w.window.width;
  const OutputRange rows = outputs_of_tap(rows_of(w), r);
  const OutputRange columns = outputs_of_tap(columns_of(w), s);
  const int64_t of_filter = w.taps() * shape.channels;
  float* const to = gradient.weights + first * of_filter + tap * shape.channels;
  if (rows.count * columns.count == 0) {
    for (int64_t k = 0; k < filters; ++k) std::fill_n(to + k * of_filter, shape.channels, 0.0F);
  }
  Accumulate how = Accumulate::kOverwrite;
  const int64_t dz_sample = w.output_pixels() * shape.y_channels;
  const int64_t x_sample = w.input_pixels() * shape.x_channels;
  const int64_t at_once = std::max<int64_t>(1, kTerms / std::max<int64_t>(1, columns.count));
  const int64_t q = columns.first * w.stride.width + s * w.dilation.width - w.padding.left;
  for (int64_t p = rows.first; columns.count > 0 && p < rows.first + rows.count; ++p) {
    const int64_t h = p * w.stride.height + r * w.dilation.height - w.padding.top;
    for (int64_t n = 0; n < samples; n += at_once, how = Accumulate::kAdd) {
      const int64_t count = std::min(at_once, samples - n);
      simd_gemm_pixels(filters, shape.channels,
                       {dz + n * dz_sample + (p * w.output.width + columns.first) * shape.y_channels + first, dz_sample,
                        count, columns.count, shape.y_channels},
                       {x + n * x_sample + (h * w.input.width + q) * shape.x_channels, x_sample, count, columns.count,
                        w.stride.width * shape.x_channels},
                       how, to, of_filter);
    }
  }
  if (tap > 0 || gradient.bias == nullptr) return;
  float* const bias = gradient.bias + first;
  std::fill_n(bias, filters, 0.0F);
  add_column_sums({samples * w.output_pixels(), filters, shape.y_channels}, dz + first, bias);
}

}  // namespace gradloom
