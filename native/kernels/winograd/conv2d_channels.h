// Convolution by Winograd's minimal filtering (kernels/winograd/transforms.h) over a few images in rows, with channels
// and filters in the SIMD lanes: kernels/conv2d/channels.h, whose letters hold here, too. The error is that of
// kernels/winograd/conv2d.h.
//   T: tiles of a chunk; E: coefficients of a whole tile; D: channels of all sections (kernels/winograd/sections.h)
#pragma once

#include <cstdint>

#include "kernels/conv2d/channels.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"
#include "kernels/winograd/conv2d.h"
#include "kernels/winograd/sections.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// Tiles that go through the caches together, unless filters are made by part.
inline constexpr int64_t kWinogradChunkTiles = 64;

// Calls visit(first, vectors) for vectors of 16 that cover the channels, at least 16: the last one overlaps the one
// before where they are no multiple.
template <class Visit>
void for_each_vectors(int64_t channels, Visit visit) {
  visit(int64_t{0}, channels / kLanes);
  if (channels % kLanes != 0) visit(channels - kLanes, int64_t{1});
}

// The convolution of one group; `images` has the same channels and filters, and how many there are of all groups. Its
// window does not count.
struct WinogradRows {
  WinogradShape conv;
  ChannelsShape images;
};

// Of the channels of all sections.
struct ChannelRange {
  int64_t first;
  int64_t count;
};
// Floats of the transformed filters of a panel: [E][64 / F][D][F], F of which lie side by side, or of so many of D.
int64_t winograd_channels_panel_floats(const WinogradRows& shape, int64_t channels);
// For filters of a panel that lie side by side, from where their weights are; u is the panel's, of the range alone.
void winograd_channels_filters(const WinogradRows& shape, const PanelPart& stretch, const ChannelRange& range,
                               const WeightPlanes<const float>& w, float* u);
// In what pack_panels gave; and in the weights, for the gradient of the input, flipped.
WeightPlanes<const float> packed_planes(const WinogradRows& shape, const PanelPart& stretch, const float* packed);
WeightPlanes<const float> window_planes(const WinogradRows& shape, const PanelPart& stretch, const float* weights);

// Who makes the transformed filters: they are there, or each thread makes those of a part of a panel and a block of
// channels, multiplies all tiles by them, and makes the next in their place. Then they stay in its caches, where all of
// them would not.
enum class WinogradFilters { kThere, kByPart };

// The convolution of some images of one group. The tiles of all images are cut into chunks that do not depend on each
// other. Each goes through two passes: all its `transforms`, then all its `products`.
class WinogradChannels {
 public:
  WinogradChannels(const WinogradRows& shape, int64_t images, int64_t threads, WinogradFilters filters);

  // Whether tiles are so few that filters by part pay.
  static bool are_few(const WinogradRows& shape, int64_t images);

  int64_t chunks() const { return chunks_.count; }
  // How many threads have chunks of their own, each with a place for what is made of a chunk's images, of so many
  // floats. One place if threads share chunks.
  int64_t places() const { return places_; }
  int64_t place_floats() const;
  // What each thread needs for its products.
  int64_t thread_floats() const;

  int64_t transforms(int64_t chunk) const { return transform_jobs(chunk).count; }
  // x: the images from this group's first channel on; v: [E][T][D], a place, the D of each tile whole vectors.
  void transform(int64_t chunk, int64_t job, const float* x, float* v) const;

  int64_t products(int64_t chunk) const { return product_tiles(chunk).count * parts_.count(); }
  // u: of all panels.
  void product(int64_t chunk, int64_t job, const float* v, const float* u, const ChannelsOutput& output,
               float* own) const;

  // By part, of the only chunk: the sums over each block of channels in turn, then the output of all.
  const PanelParts& parts() const { return parts_; }
  const Tiling& blocks() const { return blocks_; }
  // u: of the part's panel and this block.
  void add_products(const PanelPart& part, int64_t block, const float* v, const float* u, float* own) const;
  void finish(const PanelPart& part, const ChannelsOutput& output, float* own) const;

 private:
  // Transformed filters of a panel.
  struct MadeFilters {
    const float* u;
    ChannelRange range;
  };

  Tiling transform_jobs(int64_t chunk) const;
  Tiling product_tiles(int64_t chunk) const;
  int64_t v_row() const;
  int64_t tile_plane() const;
  int64_t product_plane() const;
  void multiply(int64_t chunk, const TileRange& tiles, const PanelPart& part, int64_t coefficient, int64_t block,
                const float* v, const MadeFilters& filters, float* m) const;
  void transform_output(int64_t chunk, const TileRange& tiles, const PanelPart& part, const ChannelsOutput& output,
                        float* m) const;

  WinogradRows shape_;
  WinogradTiles tiles_;
  int64_t places_;
  Tiling chunks_;
  Tiling blocks_;  // of D, whose sums are added one after the other
  PanelParts parts_;
  int64_t tiles_of_product_;  // at most
};

}  // namespace gradloom
