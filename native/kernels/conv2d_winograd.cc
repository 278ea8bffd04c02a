#include "kernels/conv2d_winograd.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "kernels/simd_gemm.h"
#include "kernels/turned_tile.h"
#include "kernels/vectors.h"
#include "kernels/winograd.h"

namespace gradloom {
namespace {

// Forward: columns of a chunk, those of some tiles; filters whose products stay in cache until their output is
// transformed, while those of all channels are kept there; and images whose pixels of all tiles are written before
// those of the next ones.
constexpr int64_t kChunkRow = 4 * kLanes;
constexpr int64_t kMostChunkTiles = kChunkRow / kHalfLanes;
constexpr int64_t kImageBlock = 4;

// Operands of so many floats come from beyond L1, and leave little room in L2: it pays to call
// them ahead.
bool worth_calling(int64_t floats) { return floats > 64 * 1024; }

int64_t filter_plane(const WinogradShape& shape) {
  return winograd_plane(round_up(shape.filters * shape.channels, kLanes));
}

int64_t image_floats(const Extent2d& extent) { return extent.height * extent.width * kLanes; }

std::span<const float> span_of(const float* first, int64_t floats) { return {first, static_cast<size_t>(floats)}; }

ImageVectors lanes_of(const Extent2d& extent) { return {extent, kLanes, image_floats(extent)}; }

Extent2d half(const Extent2d& extent) { return {extent.height / 2, extent.width / 2}; }

ImageTile input_tile(const WinogradShape& shape, const ImageVectors& vectors, const TilePlace& place, int64_t count,
                     int64_t lanes) {
  return {vectors, place.row - shape.top, place.column - shape.left, count, shape.dilation, shape.form, lanes};
}

ImageTile output_tile(const WinogradShape& shape, const TilePlace& place, int64_t lanes) {
  return {lanes_of(shape.output), place.row, place.column, 1, shape.dilation, shape.form, lanes};
}

ImageTile pooled_tile(const WinogradShape& shape, const TilePlace& place, int64_t lanes) {
  return {lanes_of(half(shape.output)), place.row / 2, place.column / 2, 1, {1, 1}, shape.form, lanes};
}

// Tiles of products that are no wider than a vector of samples.
bool narrow_products() { return simd_gemm_tile_columns() <= kPanelColumns; }

// Filters whose products and weights stay in L2 beside a chunk, whose input all of them read.
constexpr int64_t kPanelFilters = 48;
constexpr int64_t kRowFilters = 32;

// How products read the channels of a chunk's tiles: those of all tiles side by side where simd_gemm takes so many
// columns at once, else of 16 columns by themselves, since lines that lie apart share few sets of L1.
struct ChunkLayout {
  explicit ChunkLayout(const WinogradShape& shape)
      : in_panels(narrow_products()),
        channel(in_panels ? kPanelColumns : kChunkRow),
        panel(in_panels ? shape.channels * kPanelColumns : kPanelColumns),
        filters(std::min(shape.filters, in_panels ? kPanelFilters : kRowFilters)) {}

  int64_t at(int64_t column) const { return column / kPanelColumns * panel + column % kPanelColumns; }
  // Tiles of so many columns each, from `column` on, that lie at equal distances.
  int64_t tiles_in_line(int64_t column, int64_t of_tile) const {
    const int64_t rest = kPanelColumns - column % kPanelColumns;
    return in_panels && of_tile < kPanelColumns ? rest / of_tile : kMostStripTiles;
  }

  bool in_panels;
  int64_t channel;  // floats from channel to channel
  int64_t panel;    // from 16 columns to the next
  int64_t filters;  // of a block
};

// Calls visit(first, place, tiles) for tiles side by side, of those in [first, first + count).
template <class Visit>
void for_each_strip(const WinogradShape& shape, int64_t first, int64_t count, Visit visit) {
  for (int64_t tile = first; tile < first + count;) {
    const TilePlace place = shape.tiles().place(tile);
    const int64_t tiles = std::min({shape.tiles().side_by_side(place), first + count - tile, kMostStripTiles});
    visit(tile, place, tiles);
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
  const auto strip = static_cast<double>(std::min(shape.tiles().side_by_side({}), kMostStripTiles));
  const auto tile = static_cast<double>(tile_of(shape.form));
  const double input_steps =
      kWinogradInputColumnSteps * (tile + (kWinogradInputs - tile) / strip) + kWinogradInputTileSteps;
  const double of_tile =
      kWinogradCoefficients * channels * filters + input_steps * channels + static_cast<double>(steps) * filters;
  return 2 * static_cast<double>(images) * static_cast<double>(shape.tiles().count()) * of_tile;
}

}  // namespace

double winograd_flops(const WinogradShape& shape, int64_t images) {
  return flops_of_tiles(shape, images, winograd_output_steps(shape.form));
}

double winograd_weight_gradient_flops(const WinogradShape& shape, int64_t images) {
  return flops_of_tiles(shape, images, winograd_output_gradient_steps(shape.form));
}

// ---- filters

int64_t winograd_filter_floats(const WinogradShape& shape) { return kWinogradCoefficients * filter_plane(shape); }

void winograd_filters(const WinogradShape& shape, const Tiling& filters, int64_t piece, const float* weights,
                      float* u) {
  const int64_t first = filters.first(piece);
  const int64_t row = taps_of(shape.form) * shape.channels;
  winograd_transform_filters(shape.form, filters.size(piece), shape.channels,
                             {weights + first * row, shape.channels, row},
                             {u + first * shape.channels, filter_plane(shape), shape.channels});
}

void winograd_turn_weights(const WinogradShape& shape, int64_t tap, const float* weights, float* turned) {
  const int64_t taps = taps_of(shape.form);
  transpose(shape.filters, shape.channels, weights + tap * shape.channels, taps * shape.channels,
            turned + (taps - 1 - tap) * shape.filters, taps * shape.filters);
}

// ---- forward

TileColumns::TileColumns(const WinogradShape& shape, int64_t batch)
    : tiles_(lane_blocks(batch) * shape.tiles().count()), whole_(full_width_blocks(batch) * shape.tiles().count()) {}

Tiling winograd_forward_chunks(const TileColumns& columns) {
  return cut(columns.count(), ceil_divide(columns.count(), kChunkRow), kLanes);
}

int64_t winograd_forward_scratch(const WinogradShape& shape) {
  const int64_t filters = ChunkLayout(shape).filters;
  return kWinogradCoefficients * (winograd_plane(shape.channels * kChunkRow) + winograd_plane(filters * kChunkRow));
}

Tiling winograd_forward_filters(const WinogradShape& shape, int64_t chunks, int64_t threads) {
  // To transform a channel takes as long as its products for so many filters.
  constexpr int64_t kTransform = 10;
  constexpr int64_t kMostShares = 8;
  constexpr int64_t kFewestFilters = 8;
  Tiling best = cut(shape.filters, 1);
  int64_t least = 0;
  for (int64_t count = 1; count <= kMostShares; ++count) {
    const Tiling shares = cut(shape.filters, count, kFewestFilters);
    const int64_t time = ceil_divide(chunks * shares.count, threads) * (kTransform + shares.step);
    if (count > 1 && time >= least) continue;
    best = shares;
    least = time;
  }
  return best;
}

int64_t winograd_output_floats(const WinogradShape& shape, const WinogradOutput& output) {
  return image_floats(output.pooled ? half(shape.output) : shape.output);
}

void conv2d_winograd_forward(const WinogradShape& shape, const TileColumns& columns, const WinogradJob& job,
                             const LaneImages& x, const float* u, const WinogradOutput& output, float* scratch) {
  const int64_t first = columns.tile_at(job.first_column);
  const int64_t tiles = columns.tile_at(job.first_column + job.columns) - first;
  const auto column_of = [&](int64_t tile) { return columns.before(tile) - job.first_column; };
  // v: [36][C][64] or [36][4][C][16]; m: [36][filters of a block][64].
  const ChunkLayout layout(shape);
  const int64_t v_plane = winograd_plane(shape.channels * kChunkRow);
  float* const v = scratch;
  float* const m = v + kWinogradCoefficients * v_plane;
  std::array<TilePlace, kMostChunkTiles> places;
  for_each_strip(shape, first, tiles, [&](int64_t tile, const TilePlace& place, int64_t count) {
    const int64_t lanes = columns.of(tile);
    const LaneImages block = x.from(place.image * x.block);
    for (int64_t t = 0; t < count;) {
      const TilePlace begin = shape.tiles().beside(place, t);
      const int64_t column = column_of(tile + t);
      const int64_t in_line = std::min(count - t, layout.tiles_in_line(column, lanes));
      const TileCoefficients to{v + layout.at(column), v_plane, layout.channel,
                                lanes < kPanelColumns ? lanes : layout.panel};
      if (x.winners == nullptr) {
        winograd_transform_input(input_tile(shape, lanes_of(shape.input), begin, in_line, lanes), shape.channels,
                                 block.data, to);
      } else {
        winograd_transform_input(input_tile(shape, lanes_of(half(shape.input)), begin, in_line, lanes), shape.channels,
                                 WonPixels{block.data, block.winners}, to);
      }
      for (const int64_t end = t + in_line; t < end; ++t) places[tile - first + t] = shape.tiles().beside(place, t);
    }
  });
  const bool calls = worth_calling(kWinogradCoefficients * (filter_plane(shape) + v_plane));
  const int64_t end = job.first_filter + job.filters;
  for (int64_t k = job.first_filter; k < end; k += layout.filters) {
    const int64_t filters = std::min(layout.filters, end - k);
    const int64_t m_plane = winograd_plane(filters * kChunkRow);
    const auto u_of = [&](int64_t e) {
      return span_of(u + e * filter_plane(shape) + k * shape.channels, filters * shape.channels);
    };
    const auto v_of = [&](int64_t e) { return span_of(v + e * v_plane, shape.channels * kChunkRow); };
    for (int64_t e = 0; e < kWinogradCoefficients; ++e) {
      std::array<ByteSpan, 2> upcoming;
      if (calls && e + 1 < kWinogradCoefficients) {
        upcoming = {std::as_bytes(v_of(e + 1)), std::as_bytes(u_of(e + 1))};
      }
      const ProductShape product{filters, job.columns, shape.channels};
      const MatrixOperand of_filters{u_of(e).data(), shape.channels};
      if (layout.in_panels) {
        simd_gemm_panels(product, of_filters, {v_of(e).data(), layout.panel}, Accumulate::kOverwrite, m + e * m_plane,
                         kChunkRow, upcoming);
      } else {
        simd_gemm_ahead(product, of_filters, {v_of(e).data(), layout.channel}, Accumulate::kOverwrite, m + e * m_plane,
                        kChunkRow, upcoming);
      }
    }
    for_each_image_block(filters, tiles, [&](int64_t f, int64_t count, int64_t t) {
      const TilePlace& place = places[t];
      const int64_t lanes = columns.of(first + t);
      const TileCoefficients coefficients{m + f * kChunkRow + column_of(first + t), m_plane, kChunkRow};
      const TileBias bias{output.bias == nullptr ? nullptr : output.bias + k + f, BiasOf::kVector};
      const int64_t at = place.image * output.y_block + (k + f) * winograd_output_floats(shape, output);
      if (output.pooled) {
        winograd_transform_output_pooled(pooled_tile(shape, place, lanes), count, coefficients, bias, output.activation,
                                         output.y + at, output.winners == nullptr ? nullptr : output.winners + at);
      } else {
        winograd_transform_output(output_tile(shape, place, lanes), count, coefficients, bias, output.activation,
                                  output.y + at);
      }
    });
  }
}

// ---- gradient of the weights

Tiling winograd_gradient_pieces(const WinogradShape& shape) {
  return cut(shape.filters, tile_rows(shape.filters, kWinogradCoefficients * shape.channels).count, kLanes);
}

void winograd_gradient_of_sums(const WinogradShape& shape, int64_t piece, float* sums, float* gradient) {
  constexpr int64_t kSide = kPanelColumns;
  const Tiling filters = winograd_gradient_pieces(shape);
  const int64_t begin = filters.first(piece);
  const int64_t end = begin + filters.size(piece);
  constexpr int64_t kMostTaps = taps_of(WinogradForm::kF2x5);
  const int64_t taps = taps_of(shape.form);
  alignas(kLanes * sizeof(float)) float of_taps[kMostTaps * kSide * kSide];
  for (int64_t c = 0; c < shape.channels; c += kSide) {
    for (int64_t k = begin; k < end; k += kSide) {
      const int64_t rows = std::min(kSide, shape.channels - c);
      const int64_t columns = std::min(kSide, end - k);
      winograd_transform_filter_gradient(shape.form, rows, columns,
                                         {sums + c * shape.filters + k, filter_plane(shape), shape.filters},
                                         {of_taps, kSide * kSide, kSide});
      for (int64_t tap = 0; tap < taps; ++tap) {
        transpose(rows, columns, of_taps + tap * kSide * kSide, kSide, gradient + (k * taps + tap) * shape.channels + c,
                  taps * shape.channels);
      }
    }
  }
}

// The sums run over tiles and samples. With filters in the lanes no lane has to be summed up at the end: tiles of the
// gradient of the output are turned before they are transformed, since they have 16 pixels or 4 and afterwards 36
// coefficients. So m lies in panels of 16 filters: [36][K / 16][T samples][16], beside v: [36][C][T samples], and the
// sums: [36][C][K].

namespace {

constexpr int64_t kProductFilters = 64;
constexpr int64_t kTransformImages = kPanelColumns;

Extent2d tile_extent(WinogradForm form) { return {tile_of(form), tile_of(form)}; }

// As many as there are numbers in their v and m as in the sums.
int64_t tiles_like_sums(const WinogradShape& shape) {
  return shape.channels * shape.filters / (kLanes * (shape.channels + shape.filters));
}

// Pieces, each with sums of its own, which are read again at the end: some megabytes of them at most, and tiles enough
// for each that this costs little. 1, or enough for some threads.
constexpr int64_t kFewestPieces = 4;
int64_t pieces_of_sums(const WinogradShape& shape, int64_t tiles) {
  constexpr int64_t kMost = 8;
  constexpr int64_t kManyTiles = 32;
  constexpr int64_t kFewestTiles = 4;
  constexpr int64_t kWeightsOfAll = 4 * 128 * 128;
  const int64_t pieces =
      std::min(std::clamp(tiles / kManyTiles, kFewestPieces, kMost), kWeightsOfAll / (shape.channels * shape.filters));
  const int64_t enough = std::max(kFewestTiles, 2 * tiles_like_sums(shape));
  return pieces < kFewestPieces || tiles < pieces * enough ? 1 : pieces;
}

// The v and m of a chunk should fit into L2, but there should be more of them than of the sums, which
// every chunk reads and writes: twice as many for products that are narrow, and soon made. Pieces can share the chunks
// evenly.
Tiling chunks_of_sums(const WinogradShape& shape, int64_t tiles) {
  const int64_t fitting = 512 / (shape.channels + shape.filters);
  const int64_t fewest = (narrow_products() ? 2 : 1) * kMostStripTiles;
  const int64_t step = std::clamp<int64_t>(std::max(fitting, tiles_like_sums(shape)), fewest, 16);
  const int64_t chunks = ceil_divide(tiles, step);
  return cut(tiles, pieces_of_sums(shape, tiles) > 1 ? round_up(chunks, kFewestPieces) : chunks);
}

// Of filters and channels, one for each thread of a piece. Products are widest with whole panels, four of them.
Tiling shares_of_filters(const WinogradShape& shape, int64_t threads) {
  return cut(shape.filters, std::min(threads, shape.filters / kProductFilters), kPanelColumns);
}
Tiling shares_of_channels(const WinogradShape& shape, int64_t threads) {
  return cut(shape.channels, threads / shares_of_filters(shape, threads).count);
}

}  // namespace

WinogradWeightGradient::WinogradWeightGradient(const WinogradShape& shape, int64_t batch, int64_t threads)
    : shape_(shape),
      columns_(shape, batch),
      chunks_(chunks_of_sums(shape, columns_.tiles())),
      pieces_{chunks_.count, pieces_of_sums(shape, chunks_.extent)},
      filters_(shares_of_filters(shape, ceil_divide(threads, pieces_.count))),
      channels_(shares_of_channels(shape, ceil_divide(threads, pieces_.count))) {}

WinogradWeightGradient::Share WinogradWeightGradient::share(int64_t job) const {
  const int64_t f = job / channels_.count % filters_.count;
  const int64_t c = job % channels_.count;
  return {filters_.first(f), filters_.size(f), channels_.first(c), channels_.size(c)};
}

// A chunk's input of more than this goes through L2.
bool WinogradWeightGradient::transforms_together() const {
  constexpr int64_t kFloatsOfOne = 320 * 1024;
  return filters_.count > 1 && pieces() == 1 && kWinogradCoefficients * v_plane() > kFloatsOfOne;
}

int64_t WinogradWeightGradient::v_plane() const { return winograd_plane(shape_.channels * chunks_.step * kLanes); }

int64_t WinogradWeightGradient::m_plane() const {
  return winograd_plane(round_up(filters_.step, kPanelColumns) * chunks_.step * kLanes);
}

int64_t WinogradWeightGradient::sums_floats() const { return kWinogradCoefficients * filter_plane(shape_); }

int64_t WinogradWeightGradient::scratch() const {
  return pieces() * sums_floats() + (transforms_together() ? kWinogradCoefficients * v_plane() : 0);
}

int64_t WinogradWeightGradient::thread_scratch() const {
  const int64_t plane = m_plane() + (transforms_together() ? 0 : v_plane());
  return turned_numbers(tile_extent(shape_.form)) + kWinogradCoefficients * plane;
}

int64_t WinogradWeightGradient::input_jobs() const {
  return transforms_together() ? ceil_divide(shape_.channels, kTransformImages) : 0;
}

void WinogradWeightGradient::transform_input(int64_t round, int64_t job, const LaneImages& x, float* scratch) const {
  const int64_t first = job * kTransformImages;
  transform_channels(round, first, std::min(kTransformImages, shape_.channels - first), x, scratch + sums_floats());
}

void WinogradWeightGradient::add_tiles(int64_t round, int64_t job, const LaneImages& x, const LaneImages& dz,
                                       float* scratch, float* thread_scratch) const {
  const int64_t piece = job / (filters_.count * channels_.count);
  const Share part = share(job);
  float* const sums = scratch + piece * sums_floats();
  float* const turned = thread_scratch;
  float* const m = turned + turned_numbers(tile_extent(shape_.form));
  float* const own = m + kWinogradCoefficients * m_plane();
  if (transforms_together()) {
    transform_filters(round, part.filter, part.filters, dz, m, turned);
    return multiply(round, part, scratch + sums_floats(), m, round == 0, sums);
  }
  for (int64_t chunk = pieces_.first(piece); chunk < pieces_.first(piece + 1); ++chunk) {
    transform_channels(chunk, part.channel, part.channels, x, own);
    transform_filters(chunk, part.filter, part.filters, dz, m, turned);
    multiply(chunk, part, own, m, chunk == pieces_.first(piece), sums);
  }
}

// Some images of a strip of tiles, then the strips at its side, then the next images.
void WinogradWeightGradient::transform_channels(int64_t chunk, int64_t first, int64_t channels, const LaneImages& x,
                                                float* v) const {
  const int64_t row = v_row(chunk);
  for (int64_t c = first; c < first + channels; c += kTransformImages) {
    const int64_t count = std::min(kTransformImages, first + channels - c);
    const auto transform = [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
      const int64_t lanes = columns_.of(tile);
      const int64_t at = c * row + columns_.before(tile) - columns_before(chunk);
      winograd_transform_input(input_tile(shape_, lanes_of(shape_.input), place, of_strip, lanes), count,
                               x.data + place.image * x.block + c * image_floats(shape_.input),
                               {v + at, v_plane(), row, lanes});
    };
    for_each_strip(shape_, chunks_.first(chunk), chunks_.size(chunk), transform);
  }
}

void WinogradWeightGradient::transform_filters(int64_t chunk, int64_t first, int64_t filters, const LaneImages& dz,
                                               float* m, float* turned) const {
  for (int64_t f = 0; f < filters; f += kTransformImages, m += kTransformImages * columns_of(chunk)) {
    const int64_t count = std::min(kTransformImages, filters - f);
    const auto transform = [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
      for (int64_t t = 0; t < of_strip; ++t) {
        const int64_t column = columns_.before(tile + t) - columns_before(chunk);
        transform_turned(shape_.tiles().beside(place, t), columns_.of(tile + t), first + f, count, dz, turned,
                         {m + column * kPanelColumns, m_plane(), kPanelColumns});
      }
    };
    for_each_strip(shape_, chunks_.first(chunk), chunks_.size(chunk), transform);
  }
}

void WinogradWeightGradient::transform_turned(const TilePlace& place, int64_t samples, int64_t filter, int64_t filters,
                                              const LaneImages& dz, float* turned, const TileCoefficients& m) const {
  const bool won = dz.winners != nullptr;
  const int64_t scale = won ? 2 : 1;
  const Extent2d image = won ? half(shape_.output) : shape_.output;
  const int64_t row = place.row / scale;
  const int64_t column = place.column / scale;
  const auto& [rows_apart, columns_apart] = shape_.dilation;
  const PixelArea area{filters,
                       image_floats(image),
                       rows_apart * image.width * kLanes,
                       columns_apart * kLanes,
                       {count_before(image.height - row, rows_apart, tile_of(shape_.form) / scale),
                        count_before(image.width - column, columns_apart, tile_of(shape_.form) / scale)}};
  const LaneImages from = dz.from(place.image * dz.block + filter * area.image + (row * image.width + column) * kLanes);
  // Vectors of a pixel are its samples.
  const ImageTile tile{{area.pixels, kLanes * kPanelColumns, kPanelColumns}, 0, 0, 1, {1, 1}, shape_.form};
  turn_pixels(area, from.data, turned);
  if (!won) return winograd_transform_output_gradient(tile, samples, turned, m);
  auto* const winners = reinterpret_cast<WinningTap*>(turned + turned_numbers(half(tile_extent(shape_.form))));
  turn_pixels(area, from.winners, winners);
  winograd_transform_output_gradient(tile, samples, WonPixels{turned, winners}, m);
}

// Some filters' products at a time, coefficient by coefficient.
void WinogradWeightGradient::multiply(int64_t chunk, const Share& share, const float* v, const float* m, bool begins,
                                      float* sums) const {
  const int64_t depth = columns_of(chunk);
  const int64_t row = v_row(chunk);
  const bool calls = worth_calling(kWinogradCoefficients * (v_plane() + m_plane() + share.channels * share.filters));
  const auto v_of = [&](int64_t e) { return span_of(v + e * v_plane() + share.channel * row, share.channels * row); };
  for (int64_t first = 0; first < share.filters; first += kProductFilters) {
    const int64_t filters = std::min(kProductFilters, share.filters - first);
    const auto m_of = [&](int64_t e) { return span_of(m + e * m_plane() + first * depth, filters * depth); };
    for (int64_t e = 0; e < kWinogradCoefficients; ++e) {
      std::array<ByteSpan, 2> upcoming;
      if (calls && e + 1 < kWinogradCoefficients) {
        upcoming = {std::as_bytes(v_of(e + 1)), std::as_bytes(m_of(e + 1))};
      }
      float* const to = sums + e * filter_plane(shape_) + share.channel * shape_.filters + share.filter + first;
      simd_gemm_panels({share.channels, filters, depth}, {v_of(e).data(), row}, {m_of(e).data(), kPanelColumns * depth},
                       begins ? Accumulate::kOverwrite : Accumulate::kAdd, to, shape_.filters, upcoming);
    }
  }
}

void WinogradWeightGradient::add_pieces(int64_t coefficient, float* scratch) const {
  float* const total = scratch + coefficient * filter_plane(shape_);
  for (int64_t other = 1; other < pieces(); ++other) {
    sum(total, total + other * sums_floats(), shape_.filters * shape_.channels, total);
  }
}

}  // namespace gradloom
