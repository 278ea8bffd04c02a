#include "kernels/reference/convolution.h"

#include <algorithm>

namespace gradloom::reference {
namespace {

// The pixel that tap (r, s) of output pixel p meets, as h * W + w; -1 in the padding.
int64_t pixel_of(const Window2d& window, int64_t p, int64_t r, int64_t s) {
  const int64_t h = p / window.output.width * window.stride.height + r * window.dilation.height - window.padding.top;
  const int64_t w = p % window.output.width * window.stride.width + s * window.dilation.width - window.padding.left;
  const bool inside = h >= 0 && h < window.input.height && w >= 0 && w < window.input.width;
  return inside ? h * window.input.width + w : -1;
}

// Calls visit(index into x, index into w, index into z) for every product of the sum in the header.
template <class Visit>
void for_each_product(const Convolution& shape, Visit visit) {
  const Window2d& window = shape.window;
  const int64_t channels = shape.channels / shape.groups;
  const int64_t filters = shape.filters / shape.groups;
  for (int64_t n = 0; n < shape.batch; ++n) {
    for (int64_t p = 0; p < window.output_pixels(); ++p) {
      for (int64_t r = 0; r < window.window.height; ++r) {
        for (int64_t s = 0; s < window.window.width; ++s) {
          const int64_t pixel = pixel_of(window, p, r, s);
          if (pixel < 0) continue;
          for (int64_t k = 0; k < shape.filters; ++k) {
            const int64_t x = (n * window.input_pixels() + pixel) * shape.channels + k / filters * channels;
            const int64_t w = ((k * window.window.height + r) * window.window.width + s) * channels;
            const int64_t z = (n * window.output_pixels() + p) * shape.filters + k;
            for (int64_t c = 0; c < channels; ++c) visit(x + c, w + c, z);
          }
        }
      }
    }
  }
}

// Calls visit(index into the image or -1 in the padding, index into the columns).
template <class Visit>
void for_each_column(const Window2d& window, const ChannelRange& channels, Visit visit) {
  int64_t column = 0;
  for (int64_t p = 0; p < window.output_pixels(); ++p) {
    for (int64_t r = 0; r < window.window.height; ++r) {
      for (int64_t s = 0; s < window.window.width; ++s) {
        const int64_t pixel = pixel_of(window, p, r, s);
        for (int64_t c = channels.first; c < channels.first + channels.count; ++c) {
          visit(pixel < 0 ? -1 : pixel * channels.total + c, column++);
        }
      }
    }
  }
}

}  // namespace

void conv2d(const Convolution& shape, const double* x, const double* weight, const double* bias, double* z) {
  const int64_t outputs = shape.batch * shape.window.output_pixels() * shape.filters;
  for (int64_t i = 0; i < outputs; ++i) z[i] = bias == nullptr ? 0 : bias[i % shape.filters];
  for_each_product(shape, [&](int64_t at_x, int64_t at_w, int64_t at_z) { z[at_z] += x[at_x] * weight[at_w]; });
}

void conv2d_backward(const Convolution& shape, const double* x, const double* weight, const double* dz,
                     const ConvolutionGradients& gradients) {
  const Window2d& window = shape.window;
  std::fill_n(gradients.x, shape.batch * window.input_pixels() * shape.channels, 0.0);
  std::fill_n(gradients.weight, shape.filters * window.taps() * (shape.channels / shape.groups), 0.0);
  std::fill_n(gradients.bias, shape.filters, 0.0);
  for_each_product(shape, [&](int64_t at_x, int64_t at_w, int64_t at_z) {
    gradients.x[at_x] += dz[at_z] * weight[at_w];
    gradients.weight[at_w] += dz[at_z] * x[at_x];
  });
  const int64_t outputs = shape.batch * window.output_pixels() * shape.filters;
  for (int64_t i = 0; i < outputs; ++i) gradients.bias[i % shape.filters] += dz[i];
}

int64_t conv2d_products(const Convolution& shape) {
  Convolution one = shape;
  one.batch = 1;
  int64_t count = 0;
  for_each_product(one, [&](int64_t, int64_t, int64_t) { ++count; });
  return count;
}

void im2col(const Window2d& window, const ChannelRange& channels, const double* image, double* columns) {
  for_each_column(window, channels,
                  [&](int64_t pixel, int64_t column) { columns[column] = pixel < 0 ? 0 : image[pixel]; });
}

void add_col2im(const Window2d& window, const ChannelRange& channels, const double* columns, double* image) {
  for_each_column(window, channels, [&](int64_t pixel, int64_t column) {
    if (pixel >= 0) image[pixel] += columns[column];
  });
}

}  // namespace gradloom::reference
