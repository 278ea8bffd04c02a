#include "layers/conv2d/blas.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/conv2d/im2col.h"
#include "kernels/gemm/gemm.h"
#include "kernels/work_sizes.h"

namespace gradloom {

int64_t Conv2dBlas::columns_size() const {
  return conv_.window.pointwise() ? 0 : pixels_per_product(conv_.row_length()) * conv_.row_length();
}

LayerNeeds Conv2dBlas::needs(const LayerSetting& setting) const {
  const int64_t pixels = checked_multiply(setting.batch, conv_.window.output_pixels());
  const int64_t parts = weight_gradient_parts(pixels, conv_.weight_count());
  const int64_t columns = checked_multiply(setting.threads, columns_size());
  return {.kernel = conv_.window.pointwise() ? "blas-pointwise" : "blas-im2col",
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .forward_scratch = columns,
          // A buffer of columns a thread, the partial gradients, and the gradient on its way into the update.
          .backward_scratch = columns + checked_multiply(parts + 1, conv_.weight_count() + conv_.filters)};
}

// Rows [begin, end) of the batch's N * P output pixels; they may span several samples.
Conv2dBlas::Rows Conv2dBlas::window_rows(const float* x, int64_t group, int64_t begin, int64_t end,
                                         float* columns) const {
  const ChannelRange range{group * conv_.channels_per_group(), conv_.channels_per_group(), conv_.channels};
  if (conv_.window.pointwise()) return {x + begin * conv_.channels + range.first, conv_.channels};
  const int64_t pixels = conv_.window.output_pixels();
  for (int64_t at = begin; at < end;) {
    const int64_t sample = at / pixels;
    const int64_t stop = std::min(end, (sample + 1) * pixels);
    im2col(conv_.window, range, x + sample * conv_.input_floats(), at - sample * pixels, stop - sample * pixels,
           columns + (at - begin) * conv_.row_length());
    at = stop;
  }
  return {columns, conv_.row_length()};
}

void Conv2dBlas::forward(const ForwardArguments& args, const float* /*prepared*/, float* scratch) const {
  const float* weight = args.parameters[0];
  const float* bias = conv_.has_bias ? args.parameters[1] : nullptr;
  const int64_t step = pixels_per_product(conv_.row_length());
  const int64_t pixels = args.pass.batch * conv_.window.output_pixels();
  const Tiling tiles{pixels, step, ceil_divide(pixels, step)};
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    const int64_t begin = tiles.first(tile);
    const int64_t count = tiles.size(tile);
    float* y = args.y + begin * conv_.filters;
    for (int64_t group = 0; group < conv_.groups; ++group) {
      const int64_t filter = group * conv_.filters_per_group();
      const Rows rows = window_rows(args.x, group, begin, begin + count, scratch + thread * columns_size());
      gemm({count, conv_.filters_per_group(), conv_.row_length()}, {rows.data, rows.stride},
           {weight + filter * conv_.row_length(), conv_.row_length(), Transpose::kYes}, Accumulate::kOverwrite,
           y + filter, conv_.filters);
    }
    add_bias_and_activate(conv_.activation, {count, conv_.filters, conv_.filters}, bias, y);
  });
}

void Conv2dBlas::backward(const BackwardArguments& args) const {
  activation_backward_rows(args, 0, args.pass.batch * conv_.window.output_pixels());
  if (args.dx != nullptr) input_gradient(args, args.scratch);
  if (conv_.trainable) parameter_gradients(args);
}

void Conv2dBlas::input_gradient(const BackwardArguments& args, float* columns) const {
  conv_.window.pointwise() ? input_gradient_pointwise(args) : input_gradient_im2col(args, columns);
}

void Conv2dBlas::input_gradient_pointwise(const BackwardArguments& args) const {
  const int64_t pixels = args.pass.batch * conv_.window.output_pixels();
  const int64_t step = pixels_per_product(conv_.row_length());
  const Tiling tiles{pixels, step, ceil_divide(pixels, step)};
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t begin = tiles.first(tile);
    for (int64_t group = 0; group < conv_.groups; ++group) {
      const int64_t filter = group * conv_.filters_per_group();
      gemm({tiles.size(tile), conv_.channels_per_group(), conv_.filters_per_group()},
           {args.dy + begin * conv_.filters + filter, conv_.filters},
           {args.parameters[0] + filter * conv_.row_length(), conv_.row_length()}, Accumulate::kOverwrite,
           args.dx + begin * conv_.channels + group * conv_.channels_per_group(), conv_.channels);
    }
  });
}

// Windows overlap, so one thread adds up all of a sample's.
void Conv2dBlas::input_gradient_im2col(const BackwardArguments& args, float* all_columns) const {
  const int64_t pixels = conv_.window.output_pixels();
  const int64_t step = pixels_per_product(conv_.row_length());
  args.pass.team.for_each(args.pass.batch, [&](int64_t sample, int thread) {
    float* columns = all_columns + thread * columns_size();
    float* dx = args.dx + sample * conv_.input_floats();
    std::fill_n(dx, conv_.input_floats(), 0.0F);
    for (int64_t begin = 0; begin < pixels; begin += step) {
      const int64_t end = std::min(begin + step, pixels);
      for (int64_t group = 0; group < conv_.groups; ++group) {
        const int64_t filter = group * conv_.filters_per_group();
        gemm({end - begin, conv_.row_length(), conv_.filters_per_group()},
             {args.dy + (sample * pixels + begin) * conv_.filters + filter, conv_.filters},
             {args.parameters[0] + filter * conv_.row_length(), conv_.row_length()}, Accumulate::kOverwrite, columns,
             conv_.row_length());
        add_col2im(conv_.window, {group * conv_.channels_per_group(), conv_.channels_per_group(), conv_.channels},
                   columns, begin, end, dx);
      }
    }
  });
}

void Conv2dBlas::parameter_gradients(const BackwardArguments& args) const {
  const int64_t pixels = args.pass.batch * conv_.window.output_pixels();
  const int64_t part_size = conv_.weight_count() + conv_.filters;  // weights, then bias
  const Tiling parts = cut(pixels, weight_gradient_parts(pixels, conv_.weight_count()));
  float* partial = args.scratch + args.pass.team.size() * columns_size();
  args.pass.team.for_each(parts.count, [&](int64_t part, int thread) {
    const int64_t begin = parts.first(part);
    partial_gradients(args, begin, begin + parts.size(part), args.scratch + thread * columns_size(),
                      partial + part * part_size);
  });
  float* total = partial + parts.count * part_size;
  const auto add_parts = [&](int parameter, int64_t first, int64_t count, int64_t offset) {
    float* gradient = args.gradients.target(parameter, first, total + offset + first);
    for (int64_t i = 0; i < count; ++i) {
      float sum = partial[offset + first + i];
      for (int64_t part = 1; part < parts.count; ++part) sum += partial[part * part_size + offset + first + i];
      gradient[i] = sum;
    }
    args.gradients.complete(parameter, first, count, gradient);
  };
  const Tiling ranges = tile_rows(conv_.weight_count(), parts.count);
  args.pass.team.for_each(ranges.count + (conv_.has_bias ? 1 : 0), [&](int64_t range, int) {
    if (range == ranges.count) {
      add_parts(1, 0, conv_.filters, conv_.weight_count());
    } else {
      add_parts(0, ranges.first(range), ranges.size(range), 0);
    }
  });
}

// The gradients over the output pixels [begin, end) of the batch, products of consecutive pixels added in order.
void Conv2dBlas::partial_gradients(const BackwardArguments& args, int64_t begin, int64_t end, float* columns,
                                   float* part) const {
  std::fill_n(part, conv_.weight_count() + conv_.filters, 0.0F);
  const int64_t step = pixels_per_product(conv_.row_length());
  for (int64_t first = begin; first < end; first += step) {
    const int64_t count = std::min(step, end - first);
    const float* dz = args.dy + first * conv_.filters;
    for (int64_t group = 0; group < conv_.groups; ++group) {
      const int64_t filter = group * conv_.filters_per_group();
      const Rows rows = window_rows(args.x, group, first, first + count, columns);
      gemm({conv_.filters_per_group(), conv_.row_length(), count}, {dz + filter, conv_.filters, Transpose::kYes},
           {rows.data, rows.stride}, Accumulate::kAdd, part + filter * conv_.row_length(), conv_.row_length());
    }
    add_column_sums({count, conv_.filters, conv_.filters}, dz, part + conv_.weight_count());
  }
}

}  // namespace gradloom
