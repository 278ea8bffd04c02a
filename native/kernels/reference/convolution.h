// Convolution by its definition, in double, before its activation. N: batch; P: output pixels; K: filters; R,
// S: size of the window; C: channels, G: groups; filter k belongs to group g = k / (K / G), which sees
// channels [g C/G, (g + 1) C/G).
//   z[n, p, k] = b[k] + sum over (r, s, c) of x[n, pixel (r, s) of p, g C/G + c] w[k, r, s, c]
// where a pixel in the padding counts as 0. Layouts: x [N, H, W, C], w [K, R, S, C/G], z [N, OH, OW, K].
// Gradients are the adjoint of that sum and overwrite what was there.
#pragma once

#include <cstdint>

#include "kernels/conv2d/im2col.h"
#include "kernels/window2d.h"

namespace gradloom::reference {

struct Convolution {
  Window2d window;
  int64_t batch;
  int64_t channels;  // C
  int64_t filters;   // K
  int64_t groups;    // G
};

// `bias` may be null.
void conv2d(const Convolution& shape, const double* x, const double* weight, const double* bias, double* z);

struct ConvolutionGradients {
  double* x;       // [N, H, W, C]
  double* weight;  // [K, R, S, C/G]
  double* bias;    // [K]
};

void conv2d_backward(const Convolution& shape, const double* x, const double* weight, const double* dz,
                     const ConvolutionGradients& gradients);

// Multiply-adds of one sample whose pixel is not padding.
int64_t conv2d_products(const Convolution& shape);

// Twins of kernels/conv2d/im2col.h over all output pixels of one image: columns[p, (r, s, c)].
void im2col(const Window2d& window, const ChannelRange& channels, const double* image, double* columns);
void add_col2im(const Window2d& window, const ChannelRange& channels, const double* columns, double* image);

}  // namespace gradloom::reference
