// What Winograd's convolutions of images in lanes (kernels/winograd/conv2d.h) and the gradients of their weights
// (kernels/winograd/conv2d_weight_gradient.h) have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "common/checked.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/winograd/conv2d.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// Operands of so many floats come from beyond L1, and leave little room in L2: it pays to prefetch them.
inline bool worth_prefetching(int64_t floats) { return floats > 64 * 1024; }

inline int64_t filter_plane(const WinogradShape& shape) {
  return winograd_plane(round_up(shape.filters * shape.all_channels(), kLanes));
}

// Whether all coefficients of filters, or of their gradient, are more than an L2 holds, and go through memory.
inline bool outgrow_l2(const WinogradShape& shape) {
  constexpr int64_t kFloatsOfL2 = 512 * 1024;
  return shape.form.coefficients() * filter_plane(shape) > kFloatsOfL2;
}

inline std::span<const float> span_of(const float* first, int64_t floats) {
  return {first, static_cast<size_t>(floats)};
}

inline ImageVectors lanes_of(const Extent2d& extent) { return {extent, kLanes, plane_floats(extent)}; }

inline Extent2d half(const Extent2d& extent) { return {extent.height / 2, extent.width / 2}; }

// `tap`: of those of the convolution, that which meets the tile's first pixel.
inline ImageTile input_tile(const WinogradShape& shape, const ImageVectors& vectors, const Extent2d& tap,
                            const TilePlace& place, int64_t count, int64_t lanes) {
  return {vectors,
          place.row * shape.rows.stride - shape.top + tap.height * shape.dilation.height,
          place.column * shape.columns.stride - shape.left + tap.width * shape.dilation.width,
          count,
          {shape.rows.stride * shape.dilation.height, shape.columns.stride * shape.dilation.width},
          place.form,
          lanes};
}

// `vectors`: of the image that outputs are written to.
inline ImageTile output_tile(const WinogradShape& shape, const ImageVectors& vectors, const TilePlace& place,
                             int64_t lanes) {
  const auto& [image, first, step] = shape.y;
  return {vectors,
          first.height + place.row * step.height,
          first.width + place.column * step.width,
          1,
          {step.height * shape.dilation.height, step.width * shape.dilation.width},
          place.form,
          lanes};
}

// Of the weights [K][R][S][C], or of a gradient like them.
template <class Float>
WeightTaps<Float> section_taps(const WinogradShape& shape, const SectionChannels& of, Float* weights) {
  const int64_t row = shape.window.width * shape.channels;
  return shape.sections().taps_of<Float>(
      of, {weights + of.channel, row, shape.channels, shape.taps() * shape.channels, shape.window});
}

// Tiles of products that are no wider than a vector of samples.
inline bool narrow_products() { return simd_gemm_tile_columns() <= kPanelColumns; }

// Calls visit(first, place, tiles) for tiles of the range side by side.
template <class Tiles, class Visit>
void for_each_strip(const Tiles& tiles, const TileRange& range, Visit visit) {
  for (int64_t tile = range.first, count = 0; tile < range.end(); tile += count) {
    const TilePlace place = tiles.place(tile);
    count = std::min({place.beside, range.end() - tile, kMostStripTiles});
    visit(tile, place, count);
  }
}

}  // namespace gradloom
