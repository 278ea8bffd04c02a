// Transformed tiles of inputs and of gradients of outputs, as the products of Winograd's weight gradient take them.
#pragma once

#include <cstdint>

#include "common/checked.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/winograd/conv2d.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// Images that are transformed before the next tiles.
inline constexpr int64_t kTransformImages = kPanelColumns;

// Some tiles of all images, transformed for products that sum over tiles and samples, with one of both sides in rows,
// [E][images][T samples], and that in the lanes of products in panels of 16 images: [E][images / 16][T samples][16].
// For these tiles are transposed before they are transformed, since they have no more pixels than coefficients.
class WinogradGradientTiles {
 public:
  WinogradGradientTiles(const WinogradShape& shape, const TileColumns& columns, int64_t first, int64_t count)
      : shape_(shape), columns_(columns), tiles_{first, count} {}

  // Terms of a sum: columns of the tiles.
  int64_t depth() const { return term(tiles_.end()); }
  // Calls visit(first, count) for the terms that have a coefficient.
  template <class Visit>
  void for_each_with(int64_t coefficient, Visit visit) const {
    columns_.for_each_with(coefficient, tiles_, [&](const TileRange& tiles) {
      visit(term(tiles.first), term(tiles.end()) - term(tiles.first));
    });
  }
  // Floats of an image in rows: whole vectors.
  int64_t row() const { return round_up(depth(), kLanes); }

  // To rows of v, those of all D channels, where coefficients lie `plane` floats apart.
  void transform_channels(int64_t first, int64_t channels, const LaneImages& x, float* v, int64_t plane) const;
  // To rows of m, or to panels of it, of these filters alone. `transposed`: room for the pixels of a tile
  // (kernels/layout/transposed_tile.h).
  void transform_filters(int64_t first, int64_t filters, const LaneImages& dz, float* m, int64_t plane) const;
  void transform_filter_panels(int64_t first, int64_t filters, const LaneImages& dz, float* m, int64_t plane,
                               float* transposed) const;
  // To a panel of v of up to 16 channels. `transposed`: room for what a tile reads.
  void transform_channel_panel(const SectionChannels& some, const LaneImages& x, float* v, int64_t plane,
                               float* transposed) const;

 private:
  void transform_transposed(const TilePlace& place, int64_t samples, int64_t filter, int64_t filters,
                            const LaneImages& dz, float* transposed, const TileCoefficients& m) const;

  // The first one of a tile.
  int64_t term(int64_t tile) const { return columns_.before(tile) - columns_.before(tiles_.first); }

  WinogradShape shape_;
  TileColumns columns_;
  TileRange tiles_;
};

}  // namespace gradloom
