#include "kernels/conv2d/pointwise.h"

#include <algorithm>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"

namespace gradloom {
namespace {

// Pixels side by side that simd_gemm reads best, and those whose channels are transposed at once.
constexpr int64_t kPanelPixels = 4;
constexpr int64_t kTransposedPixels = 16;

}  // namespace

Tiling pointwise_pieces(const PointwiseShape& shape) {
  constexpr int64_t kFloats = 64 * 1024;
  const int64_t pixel = (shape.channels + shape.filters) * kLanes;
  return cut(shape.pixels, ceil_divide(shape.pixels * pixel, kFloats), kPanelPixels);
}

void conv2d_pointwise_forward(const PointwiseShape& shape, int64_t piece, const float* x, const float* weights,
                              const float* bias, Activation activation, float* y) {
  const Tiling pieces = pointwise_pieces(shape);
  const int64_t image = shape.pixels * kLanes;
  const int64_t first = pieces.first(piece) * kLanes;
  const int64_t columns = pieces.size(piece) * kLanes;
  const bool relu = activation == Activation::kRelu;
  simd_gemm_packing({shape.filters, columns, shape.channels}, {weights, shape.channels}, {x + first, image},
                    shape.lanes, {.row_bias = bias, .relu = relu}, y + first, image);
  if (!relu) add_bias_and_activate(activation, {shape.filters, columns, image}, nullptr, y + first);
}

void conv2d_pointwise_input_gradient(const PointwiseShape& shape, int64_t piece, const float* dz, const float* weights,
                                     float* dx) {
  const Tiling pieces = pointwise_pieces(shape);
  const int64_t image = shape.pixels * kLanes;
  const int64_t first = pieces.first(piece) * kLanes;
  simd_gemm_packing({shape.channels, pieces.size(piece) * kLanes, shape.filters},
                    {weights, shape.channels, Transpose::kYes}, {dz + first, image}, shape.lanes, {}, dx + first,
                    image);
}

int64_t pointwise_gradient_scratch(const PointwiseShape& shape) {
  return round_up(shape.channels, kPanelColumns) * std::min(shape.pixels, kTransposedPixels) * kLanes;
}

void conv2d_pointwise_weight_gradient(const PointwiseShape& shape, int64_t filters, const float* x, const float* dz,
                                      Accumulate accumulate, float* scratch, float* gradient) {
  // Some pixels' channels are transposed into the lanes, in panels, so that no lane has to be summed up at the end.
  const int64_t image = shape.pixels * kLanes;
  for (int64_t pixel = 0; pixel < shape.pixels; pixel += kTransposedPixels) {
    const int64_t depth = std::min(kTransposedPixels, shape.pixels - pixel) * kLanes;
    const float* const from = x + pixel * kLanes;
    for (int64_t c = 0; c < shape.channels; c += kPanelColumns) {
      transpose(std::min(kPanelColumns, shape.channels - c), depth, from + c * image, image, scratch + c * depth,
                kPanelColumns);
    }
    const Accumulate then = pixel == 0 ? accumulate : Accumulate::kAdd;
    const float* const of_filters = dz + pixel * kLanes;
    const int64_t panel = kPanelColumns * depth;
    if (shape.lanes == kLanes) {
      simd_gemm_panels({filters, shape.channels, depth}, {of_filters, image}, {scratch, panel}, then, gradient,
                       shape.channels);
    } else {
      simd_gemm_segments({filters, shape.channels, shape.lanes}, depth / kLanes, {of_filters, image, kLanes},
                         {scratch, panel, kLanes * kPanelColumns}, then, gradient, shape.channels);
    }
  }
}

}  // namespace gradloom
