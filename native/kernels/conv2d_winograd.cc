#include "kernels/conv2d_winograd.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "kernels/simd_gemm.h"
#include "kernels/vectors.h"
#include "kernels/winograd.h"

namespace gradloom {
namespace {

// Between the planes of coefficients: their sizes are often powers of two, which would all fall on the same cache sets.
constexpr int64_t kPlaneGap = 80;

// Forward: tiles of a chunk, side by side in a row of the products, which is what simd_gemm reads best; filters whose
// products stay in cache until their output is transformed, while those of all channels are kept there; and images
// whose pixels of all tiles are written before those of the next ones.
constexpr int64_t kChunkTiles = 4;
constexpr int64_t kChunkRow = kChunkTiles * kLanes;
constexpr int64_t kFilterBlock = 32;
constexpr int64_t kImageBlock = 4;

// Operands of so many floats come from beyond a level 1 cache, and leave little room in one of level 2: it pays to call
// them ahead.
bool worth_calling(int64_t floats) { return floats > 64 * 1024; }

int64_t plane_of(int64_t floats) { return floats + kPlaneGap; }
int64_t filter_plane(const WinogradShape& shape) { return plane_of(round_up(shape.filters * shape.channels, kLanes)); }

int64_t image_floats(const Extent2d& extent) { return extent.height * extent.width * kLanes; }

// Tile `index` of all blocks: its block, and where its output begins.
struct TilePlace {
  int64_t block;
  int64_t row;
  int64_t column;
};

TilePlace place_of(const WinogradShape& shape, int64_t index) {
  const int64_t tile = index % shape.tiles();
  return {index / shape.tiles(), tile / shape.tile_columns() * kWinogradTile,
          tile % shape.tile_columns() * kWinogradTile};
}

std::span<const float> span_of(const float* first, int64_t floats) { return {first, static_cast<size_t>(floats)}; }

ImageVectors lanes_of(const Extent2d& extent) { return {extent, kLanes, image_floats(extent)}; }

ImageTile input_tile(const WinogradShape& shape, const TilePlace& place, int64_t count = 1) {
  return {lanes_of(shape.input), place.row - shape.top, place.column - shape.left, count};
}

ImageTile output_tile(const WinogradShape& shape, const TilePlace& place, int64_t count = 1) {
  return {lanes_of(shape.output), place.row, place.column, count};
}

Extent2d half(const Extent2d& extent) { return {extent.height / 2, extent.width / 2}; }

ImageTile pooled_tile(const WinogradShape& shape, const TilePlace& place) {
  return {lanes_of(half(shape.output)), place.row / 2, place.column / 2};
}

// Calls visit(pixels) with the images of a block from `image` on, of so many pixels each.
template <class Visit>
void visit_images(const LaneImages& images, const Extent2d& extent, int64_t block, int64_t image, Visit visit) {
  const bool won = images.winners != nullptr;
  const int64_t at = block * images.block + image * image_floats(won ? half(extent) : extent);
  won ? visit(WonPixels{images.data + at, images.winners + at}) : visit(images.data + at);
}

// Calls visit(first, tiles) for tiles side by side, of those in [first, first + count).
template <class Visit>
void for_each_strip(const WinogradShape& shape, int64_t first, int64_t count, Visit visit) {
  for (int64_t tile = first; tile < first + count;) {
    const int64_t in_row = shape.tile_columns() - tile % shape.tile_columns();
    const int64_t tiles = std::min({in_row, first + count - tile, kMostStripTiles});
    visit(tile, tiles);
    tile += tiles;
  }
}

// Calls visit(first, images, tile) for some images of each tile, then for the next ones.
template <class Visit>
void for_each_image_block(int64_t images, int64_t tiles, Visit visit) {
  for (int64_t first = 0; first < images; first += kImageBlock) {
    for (int64_t tile = 0; tile < tiles; ++tile) visit(first, std::min(kImageBlock, images - first), tile);
  }
}

// `steps`: of what is transformed for each filter.
double flops_of_tiles(const WinogradShape& shape, int64_t images, int64_t steps) {
  const auto channels = static_cast<double>(shape.channels);
  const auto filters = static_cast<double>(shape.filters);
  const auto strip = static_cast<double>(std::min(shape.tile_columns(), kMostStripTiles));
  const double input_steps = kWinogradInputColumnSteps * (kWinogradTile + 2 / strip) + kWinogradInputTileSteps;
  const double of_tile =
      kWinogradCoefficients * channels * filters + input_steps * channels + static_cast<double>(steps) * filters;
  return 2 * static_cast<double>(images) * static_cast<double>(shape.tiles()) * of_tile;
}

}  // namespace

int64_t WinogradShape::tile_columns() const { return ceil_divide(output.width, kWinogradTile); }

int64_t WinogradShape::tiles() const { return ceil_divide(output.height, kWinogradTile) * tile_columns(); }

double winograd_flops(const WinogradShape& shape, int64_t images) {
  return flops_of_tiles(shape, images, kWinogradOutputSteps);
}

double winograd_weight_gradient_flops(const WinogradShape& shape, int64_t images) {
  return flops_of_tiles(shape, images, kWinogradOutputGradientSteps);
}

// ---- filters

int64_t winograd_filter_floats(const WinogradShape& shape) { return kWinogradCoefficients * filter_plane(shape); }

void winograd_filters(const WinogradShape& shape, const Tiling& filters, int64_t piece, const float* weights,
                      float* u) {
  const int64_t first = filters.first(piece);
  winograd_transform_filters(filters.size(piece), shape.channels, weights + first * kWinogradTaps * shape.channels,
                             filter_plane(shape), u + first * shape.channels);
}

void winograd_turn_weights(const WinogradShape& shape, int64_t tap, const float* weights, float* turned) {
  transpose(shape.filters, shape.channels, weights + tap * shape.channels, kWinogradTaps * shape.channels,
            turned + (kWinogradTaps - 1 - tap) * shape.filters, kWinogradTaps * shape.filters);
}

// ---- forward

Tiling winograd_forward_chunks(const WinogradShape& shape, int64_t blocks) {
  return cut(blocks * shape.tiles(), ceil_divide(blocks * shape.tiles(), kChunkTiles));
}

int64_t winograd_forward_scratch(const WinogradShape& shape) {
  const int64_t filters = std::min(shape.filters, kFilterBlock);
  return kWinogradCoefficients * (plane_of(shape.channels * kChunkRow) + plane_of(filters * kChunkRow));
}

int64_t winograd_output_floats(const WinogradShape& shape, const WinogradOutput& output) {
  return image_floats(output.pooled ? half(shape.output) : shape.output);
}

void conv2d_winograd_forward(const WinogradShape& shape, const Tiling& chunks, int64_t chunk, const LaneImages& x,
                             const float* u, const WinogradOutput& output, float* scratch) {
  const int64_t first = chunks.first(chunk);
  const int64_t tiles = chunks.size(chunk);
  // v: [36][C][4 tiles of 16]; m: the same for the filters of a block.
  const int64_t v_plane = plane_of(shape.channels * kChunkRow);
  float* const v = scratch;
  float* const m = v + kWinogradCoefficients * v_plane;
  for_each_strip(shape, first, tiles, [&](int64_t tile, int64_t count) {
    const TilePlace place = place_of(shape, tile);
    visit_images(x, shape.input, place.block, 0, [&](const auto& pixels) {
      winograd_transform_input(input_tile(shape, place, count), shape.channels, pixels,
                               {v + (tile - first) * kLanes, v_plane, kChunkRow, kLanes});
    });
  });
  const bool calls = worth_calling(kWinogradCoefficients * (filter_plane(shape) + v_plane));
  for (int64_t k = 0; k < shape.filters; k += kFilterBlock) {
    const int64_t filters = std::min(kFilterBlock, shape.filters - k);
    const int64_t m_plane = plane_of(filters * kChunkRow);
    const auto u_of = [&](int64_t e) {
      return span_of(u + e * filter_plane(shape) + k * shape.channels, filters * shape.channels);
    };
    const auto v_of = [&](int64_t e) { return span_of(v + e * v_plane, shape.channels * kChunkRow); };
    for (int64_t e = 0; e < kWinogradCoefficients; ++e) {
      std::array<ByteSpan, 2> upcoming;
      if (calls && e + 1 < kWinogradCoefficients) {
        upcoming = {std::as_bytes(v_of(e + 1)), std::as_bytes(u_of(e + 1))};
      }
      simd_gemm_ahead({filters, tiles * kLanes, shape.channels}, {u_of(e).data(), shape.channels},
                      {v_of(e).data(), kChunkRow}, Accumulate::kOverwrite, m + e * m_plane, kChunkRow, upcoming);
    }
    for_each_image_block(filters, tiles, [&](int64_t f, int64_t count, int64_t t) {
      const TilePlace place = place_of(shape, first + t);
      const TileCoefficients coefficients{m + f * kChunkRow + t * kLanes, m_plane, kChunkRow};
      const TileBias bias{output.bias == nullptr ? nullptr : output.bias + k + f, BiasOf::kVector};
      const int64_t at = place.block * output.y_block + (k + f) * winograd_output_floats(shape, output);
      if (output.pooled) {
        winograd_transform_output_pooled(pooled_tile(shape, place), count, coefficients, bias, output.activation,
                                         output.y + at, output.winners == nullptr ? nullptr : output.winners + at);
      } else {
        winograd_transform_output(output_tile(shape, place), count, coefficients, bias, output.activation,
                                  output.y + at);
      }
    });
  }
}

// ---- gradient of the weights
//
// The sums run over tiles and samples. With channels in the lanes no lane has to be summed up at the end, so
// v is turned, in panels of 16 channels: [36][C / 16][T samples][16], beside m: [36][K][T samples], and the sums:
// [36][K][C]. A job writes a panel's samples of a tile side by side.

namespace {

constexpr int64_t kProductChannels = 64;
constexpr int64_t kTransformImages = kPanelColumns;
constexpr int64_t kTransformTiles = kMostStripTiles;

// Tiles of a chunk: its v and m should fit into a level 2 cache, but there should be more of them than of the sums,
// which every chunk reads and writes.
int64_t tiles_of_sums(const WinogradShape& shape) {
  const int64_t images = shape.channels + shape.filters;
  const int64_t fitting = 512 / images;
  const int64_t as_many_as_sums = shape.channels * shape.filters / (kLanes * images);
  return std::clamp<int64_t>(std::max(fitting, as_many_as_sums), 2, 16);
}

// Chunks that pieces can share evenly.
constexpr int64_t kFewestPieces = 4;
Tiling chunks_of_sums(const WinogradShape& shape, int64_t blocks) {
  const int64_t tiles = blocks * shape.tiles();
  const int64_t chunks = ceil_divide(tiles, tiles_of_sums(shape));
  return cut(tiles, chunks > kFewestPieces ? round_up(chunks, kFewestPieces) : chunks);
}

// Pieces, each with sums of its own, which are read again at the end: some megabytes of them at most, and tiles enough
// for each that this costs little.
int64_t pieces_of_sums(const WinogradShape& shape, const Tiling& chunks) {
  constexpr int64_t kMost = 8;
  constexpr int64_t kFewestTiles = 8;
  constexpr int64_t kManyTiles = 32;
  constexpr int64_t kWeightsOfAll = kMost * 64 * 64;
  const int64_t by_tiles = std::clamp(chunks.extent / kManyTiles, kFewestPieces, kMost);
  const int64_t pieces = std::min({by_tiles, chunks.count, kWeightsOfAll / (shape.channels * shape.filters)});
  return pieces < kFewestPieces || chunks.extent < pieces * kFewestTiles ? 1 : pieces;
}

}  // namespace

WinogradWeightGradient::WinogradWeightGradient(const WinogradShape& shape, int64_t blocks)
    : shape_(shape), chunks_(chunks_of_sums(shape, blocks)), pieces_{chunks_.count, pieces_of_sums(shape, chunks_)} {}

int64_t WinogradWeightGradient::v_plane() const {
  return plane_of(round_up(shape_.channels, kPanelColumns) * chunks_.step * kLanes);
}

int64_t WinogradWeightGradient::m_plane() const { return plane_of(shape_.filters * chunks_.step * kLanes); }

int64_t WinogradWeightGradient::sums_floats() const { return kWinogradCoefficients * filter_plane(shape_); }

int64_t WinogradWeightGradient::scratch() const {
  return pieces() * sums_floats() + (pieces() > 1 ? 0 : chunk_floats());
}

int64_t WinogradWeightGradient::thread_scratch() const {
  return kWinogradCoefficients * plane_of(kTransformTiles * kTransformImages * kLanes) +
         (pieces() > 1 ? chunk_floats() : 0);
}

void WinogradWeightGradient::piece(int64_t piece, const LaneImages& x, const LaneImages& dz, float* scratch,
                                   float* thread_scratch) const {
  float* const coefficients = thread_scratch;
  float* const turned = coefficients + chunk_floats();
  for (int64_t chunk = pieces_.first(piece); chunk < pieces_.first(piece + 1); ++chunk) {
    for (int64_t job = 0; job < transforms(chunk); ++job) transform_to(chunk, job, x, dz, coefficients, turned);
    for (int64_t job = 0; job < products(); ++job) {
      multiply(chunk, job, coefficients, chunk == pieces_.first(piece), scratch + piece * sums_floats());
    }
  }
}

void WinogradWeightGradient::transform(int64_t chunk, int64_t job, const LaneImages& x, const LaneImages& dz,
                                       float* scratch, float* thread_scratch) const {
  transform_to(chunk, job, x, dz, scratch + sums_floats(), thread_scratch);
}

void WinogradWeightGradient::product(int64_t chunk, int64_t job, float* scratch) const {
  multiply(chunk, job, scratch + sums_floats(), chunk == 0, scratch);
}

int64_t WinogradWeightGradient::transforms(int64_t chunk) const {
  return ceil_divide(chunks_.size(chunk), kTransformTiles) *
         (ceil_divide(shape_.channels, kTransformImages) + ceil_divide(shape_.filters, kTransformImages));
}

void WinogradWeightGradient::transform_to(int64_t chunk, int64_t job, const LaneImages& x, const LaneImages& dz,
                                          float* coefficients, float* turned) const {
  const int64_t tiles = chunks_.size(chunk);
  const int64_t strips = ceil_divide(tiles, kTransformTiles);
  const int64_t from = job % strips * kTransformTiles;
  const int64_t piece = job / strips;
  const int64_t channel_pieces = ceil_divide(shape_.channels, kTransformImages);
  const bool of_x = piece < channel_pieces;
  const int64_t first = (of_x ? piece : piece - channel_pieces) * kTransformImages;
  const int64_t count = std::min(kTransformImages, (of_x ? shape_.channels : shape_.filters) - first);
  const int64_t begin = chunks_.first(chunk);
  float* const m = coefficients + kWinogradCoefficients * v_plane();
  for_each_strip(shape_, begin + from, std::min(kTransformTiles, tiles - from), [&](int64_t tile, int64_t of_strip) {
    const TilePlace place = place_of(shape_, tile);
    if (!of_x) {
      // Neighbours share no pixels, and one tile is transformed in registers.
      for (int64_t t = tile; t < tile + of_strip; ++t) {
        visit_images(dz, shape_.output, place.block, first, [&](const auto& pixels) {
          winograd_transform_output_gradient(output_tile(shape_, place_of(shape_, t)), count, pixels,
                                             {m + (first * tiles + t - begin) * kLanes, m_plane(), tiles * kLanes});
        });
      }
      return;
    }
    const int64_t local = plane_of(kTransformTiles * kTransformImages * kLanes);
    constexpr int64_t kLocalTile = kTransformImages * kLanes;
    winograd_transform_input(input_tile(shape_, place, of_strip), count,
                             x.data + place.block * x.block + first * image_floats(shape_.input),
                             {turned, local, kLanes, kLocalTile});
    float* const v = coefficients + (first * tiles + (tile - begin) * kPanelColumns) * kLanes;
    for (int64_t e = 0; e < kWinogradCoefficients; ++e) {
      for (int64_t t = 0; t < of_strip; ++t) {
        transpose(count, kLanes, turned + e * local + t * kLocalTile, kLanes,
                  v + e * v_plane() + t * kPanelColumns * kLanes, kPanelColumns);
      }
    }
  });
}

int64_t WinogradWeightGradient::products() const {
  return kWinogradCoefficients * ceil_divide(shape_.channels, kProductChannels);
}

WinogradWeightGradient::ProductJob WinogradWeightGradient::product_job(int64_t job) const {
  const int64_t first = job / kWinogradCoefficients * kProductChannels;
  return {job % kWinogradCoefficients, first, std::min(kProductChannels, shape_.channels - first)};
}

void WinogradWeightGradient::multiply(int64_t chunk, int64_t job, const float* coefficients, bool begins,
                                      float* sums) const {
  const int64_t depth = chunks_.size(chunk) * kLanes;
  const auto v_of = [&](const ProductJob& of) {
    return span_of(coefficients + of.coefficient * v_plane() + of.first * depth, of.channels * depth);
  };
  const auto m_of = [&](const ProductJob& of) {
    return span_of(coefficients + kWinogradCoefficients * v_plane() + of.coefficient * m_plane(),
                   shape_.filters * depth);
  };
  const ProductJob now = product_job(job);
  std::array<ByteSpan, 2> upcoming;
  if (job + 1 < products() && worth_calling(chunk_floats() + sums_floats())) {
    const ProductJob next = product_job(job + 1);
    upcoming = {std::as_bytes(v_of(next)), std::as_bytes(m_of(next))};
  }
  simd_gemm_panels({shape_.filters, now.channels, depth}, {m_of(now).data(), depth},
                   {v_of(now).data(), kPanelColumns * depth}, begins ? Accumulate::kOverwrite : Accumulate::kAdd,
                   sums + now.coefficient * filter_plane(shape_) + now.first, shape_.channels, upcoming);
}

void WinogradWeightGradient::finish(const Tiling& filters, int64_t piece, float* scratch, float* gradient) const {
  const int64_t first = filters.first(piece);
  float* const total = scratch + first * shape_.channels;
  for (int64_t other = 1; other < pieces(); ++other) {
    for (int64_t e = 0; e < kWinogradCoefficients; ++e) {
      float* const to = total + e * filter_plane(shape_);
      sum(to, to + other * sums_floats(), filters.size(piece) * shape_.channels, to);
    }
  }
  winograd_transform_filter_gradient(filters.size(piece), shape_.channels, total, filter_plane(shape_),
                                     gradient + first * kWinogradTaps * shape_.channels);
}

}  // namespace gradloom
