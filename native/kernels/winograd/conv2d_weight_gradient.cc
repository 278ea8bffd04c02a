#include "kernels/winograd/conv2d_weight_gradient.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/checked.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/layout/transposed_tile.h"
#include "kernels/vectors/vectors.h"
#include "kernels/winograd/planes.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

Tiling winograd_gradient_pieces(const WinogradShape& shape) {
  return cut(shape.filters, tile_rows(shape.filters, shape.form.coefficients() * shape.all_channels()).count, kLanes);
}

void winograd_gradient_of_sums(const WinogradShape& shape, int64_t piece, const float* sums, float* gradient) {
  constexpr int64_t kSide = kPanelColumns;
  constexpr int64_t kTap = kSide * kSide;
  const Tiling pieces = winograd_gradient_pieces(shape);
  const WeightPlanes<const float> of_piece{sums + pieces.first(piece), filter_plane(shape), shape.filters};
  const int64_t filters = pieces.size(piece);
  alignas(kLanes * sizeof(float)) float of_taps[kMostWinogradTaps * kTap];
  shape.sections().for_each(0, shape.all_channels(), kSide, [&](const SectionChannels& some) {
    const WeightTaps<float> to = section_taps(shape, some, gradient);
    for (int64_t k = 0; k < filters; k += kSide) {
      const int64_t columns = std::min(kSide, filters - k);
      winograd_transform_filter_gradient(shape.form, some.count, columns,
                                         {of_piece.data + some.place * of_piece.row + k, of_piece.plane, of_piece.row},
                                         {of_taps, some.taps.width * kTap, kTap, kSide, some.taps});
      for (int64_t r = 0; r < some.taps.height; ++r) {
        for (int64_t s = 0; s < some.taps.width; ++s) {
          transpose(some.count, columns, of_taps + (r * some.taps.width + s) * kTap, kSide,
                    to.data + k * to.row + r * to.tap_row + s * to.tap, to.row);
        }
      }
    }
  });
}

namespace {

int64_t weight_floats(const WinogradShape& shape, int64_t filters) {
  return round_up(filters * shape.taps() * shape.channels, kLanes);
}

constexpr int64_t kProductFilters = 64;

// sums[e][i][j], or added to these: a[e][i][depth], rows of some images, times the panels b[e] of others.
struct TileProduct {
  const WinogradGradientTiles& tiles;
  int64_t coefficients;
  int64_t rows;
  int64_t columns;
  WeightPlanes<const float> a;
  const float* b;
  int64_t b_plane;
  bool prefetches;
};
void multiply_tiles(const TileProduct& product, Accumulate accumulate, const WeightPlanes<float>& sums) {
  const int64_t depth = product.tiles.depth();
  for (int64_t e = 0; e < product.coefficients; ++e) {
    const float* const a = product.a.data + e * product.a.plane;
    const float* const b = product.b + e * product.b_plane;
    std::array<ByteSpan, 2> upcoming;
    if (product.prefetches && e + 1 < product.coefficients) {
      upcoming = {std::as_bytes(span_of(a + product.a.plane, product.rows * product.a.row)),
                  std::as_bytes(span_of(b + product.b_plane, product.columns * depth))};
    }
    Accumulate next = accumulate;
    const auto multiply = [&](int64_t first, int64_t terms) {
      simd_gemm_panels({product.rows, product.columns, terms}, {a + first, product.a.row},
                       {b + first * kPanelColumns, kPanelColumns * depth}, next, sums.data + e * sums.plane, sums.row,
                       upcoming);
      next = Accumulate::kAdd;
      upcoming = {};
    };
    product.tiles.for_each_with(e, multiply);
    if (next == Accumulate::kOverwrite) multiply(0, 0);  // none has it: zeros
  }
}

// As many as there are numbers in their v and m as in the sums.
int64_t tiles_like_sums(const WinogradShape& shape) {
  return shape.all_channels() * shape.filters / (kLanes * (shape.all_channels() + shape.filters));
}

// Pieces, each with sums of its own, which are read again at the end: some megabytes of them at most, and tiles enough
// for each that this costs little. 1, or enough for some threads.
int64_t pieces_of_sums(const WinogradShape& shape, int64_t tiles) {
  constexpr int64_t kFewestPieces = 4;
  constexpr int64_t kMost = 8;
  constexpr int64_t kManyTiles = 32;
  constexpr int64_t kFewestTiles = 4;
  constexpr int64_t kWeightsOfAll = 4 * 128 * 128;
  const int64_t pieces = std::min(std::clamp(tiles / kManyTiles, kFewestPieces, kMost),
                                  kWeightsOfAll / (shape.all_channels() * shape.filters));
  const int64_t enough = std::max(kFewestTiles, 2 * tiles_like_sums(shape));
  return pieces < kFewestPieces || tiles < pieces * enough ? 1 : pieces;
}

// The v and m of a chunk should fit into L2, but there should be more of them than of the sums, which every chunk reads
// and writes: twice as many for products that are narrow, and soon made. About as many for each piece.
Tiling chunks_of_sums(const WinogradShape& shape, int64_t tiles) {
  const int64_t fitting = 512 / (shape.all_channels() + shape.filters);
  const int64_t fewest = (narrow_products() ? 2 : 1) * kMostStripTiles;
  const int64_t step = std::clamp<int64_t>(std::max(fitting, tiles_like_sums(shape)), fewest, 16);
  return cut(tiles, round_up(ceil_divide(tiles, step), pieces_of_sums(shape, tiles)));
}

// Of filters and channels, one for each thread of a piece. Products are widest with whole panels, four of them.
Tiling shares_of_filters(const WinogradShape& shape, int64_t threads) {
  return cut(shape.filters, std::min(threads, shape.filters / kProductFilters), kPanelColumns);
}
Tiling shares_of_channels(const WinogradShape& shape, int64_t threads) {
  return cut(shape.all_channels(), threads / shares_of_filters(shape, threads).count);
}

}  // namespace

WinogradWeightGradient::WinogradWeightGradient(const WinogradShape& shape, int64_t batch, int64_t threads)
    : shape_(shape),
      columns_(shape, batch),
      chunks_(chunks_of_sums(shape, columns_.tiles())),
      pieces_(pieces_of_sums(shape, chunks_.extent)),
      filters_(shares_of_filters(shape, ceil_divide(threads, pieces_))),
      channels_(shares_of_channels(shape, ceil_divide(threads, pieces_))) {}

WinogradWeightGradient::Share WinogradWeightGradient::share(int64_t job) const {
  const int64_t f = job / channels_.count % filters_.count;
  const int64_t c = job % channels_.count;
  return {filters_.first(f), filters_.size(f), channels_.first(c), channels_.size(c)};
}

// A chunk's input of more than this goes through L2.
bool WinogradWeightGradient::transforms_together() const {
  constexpr int64_t kFloatsOfOne = 320 * 1024;
  return filters_.count > 1 && pieces() == 1 && shape_.form.coefficients() * v_plane() > kFloatsOfOne;
}

int64_t WinogradWeightGradient::v_plane() const {
  return winograd_plane(shape_.all_channels() * chunks_.step * kLanes);
}

int64_t WinogradWeightGradient::m_plane() const {
  return winograd_plane(round_up(filters_.step, kPanelColumns) * chunks_.step * kLanes);
}

int64_t WinogradWeightGradient::sums_floats() const { return shape_.form.coefficients() * filter_plane(shape_); }

int64_t WinogradWeightGradient::scratch() const {
  return pieces() * sums_floats() + (transforms_together() ? shape_.form.coefficients() * v_plane() : 0);
}

int64_t WinogradWeightGradient::thread_scratch() const {
  const int64_t plane = m_plane() + (transforms_together() ? 0 : v_plane());
  return std::max(transposed_numbers(shape_.form.tile()) + shape_.form.coefficients() * plane,
                  weight_floats(shape_, winograd_gradient_pieces(shape_).step));
}

int64_t WinogradWeightGradient::input_jobs() const {
  return transforms_together() ? ceil_divide(shape_.all_channels(), kTransformImages) : 0;
}

void WinogradWeightGradient::transform_input(int64_t round, int64_t job, const LaneImages& x, float* scratch) const {
  const int64_t first = job * kTransformImages;
  tiles_of(round).transform_channels(first, std::min(kTransformImages, shape_.all_channels() - first), x,
                                     scratch + sums_floats(), v_plane());
}

void WinogradWeightGradient::add_tiles(int64_t round, int64_t job, const LaneImages& x, const LaneImages& dz,
                                       float* scratch, float* thread_scratch) const {
  const int64_t piece = job / (filters_.count * channels_.count);
  const Share part = share(job);
  float* const sums = scratch + piece * sums_floats();
  float* const transposed = thread_scratch;
  float* const m = transposed + transposed_numbers(shape_.form.tile());
  float* const own = m + shape_.form.coefficients() * m_plane();
  if (transforms_together()) {
    const WinogradGradientTiles tiles = tiles_of(round);
    tiles.transform_filter_panels(part.filter, part.filters, dz, m, m_plane(), transposed);
    return multiply(tiles, part, scratch + sums_floats(), m, round == 0, sums);
  }
  for (int64_t chunk = piece; chunk < chunks_.count; chunk += pieces()) {
    const WinogradGradientTiles tiles = tiles_of(chunk);
    tiles.transform_channels(part.channel, part.channels, x, own, v_plane());
    tiles.transform_filter_panels(part.filter, part.filters, dz, m, m_plane(), transposed);
    multiply(tiles, part, own, m, chunk == piece, sums);
  }
}

void WinogradWeightGradient::multiply(const WinogradGradientTiles& tiles, const Share& share, const float* v,
                                      const float* m, bool begins, float* sums) const {
  const int64_t depth = tiles.depth();
  const int64_t row = tiles.row();
  const bool prefetches =
      worth_prefetching(shape_.form.coefficients() * (v_plane() + m_plane() + share.channels * share.filters));
  for (int64_t first = 0; first < share.filters; first += kProductFilters) {
    const int64_t filters = std::min(kProductFilters, share.filters - first);
    multiply_tiles(
        {.tiles = tiles,
         .coefficients = shape_.form.coefficients(),
         .rows = share.channels,
         .columns = filters,
         .a = {v + share.channel * row, v_plane(), row},
         .b = m + first * depth,
         .b_plane = m_plane(),
         .prefetches = prefetches},
        begins ? Accumulate::kOverwrite : Accumulate::kAdd,
        {sums + share.channel * shape_.filters + share.filter + first, filter_plane(shape_), shape_.filters});
  }
}

void WinogradWeightGradient::add_pieces(int64_t coefficient, float* scratch) const {
  float* const total = scratch + coefficient * filter_plane(shape_);
  for (int64_t other = 1; other < pieces(); ++other) {
    sum(total, total + other * sums_floats(), shape_.filters * shape_.all_channels(), total);
  }
}

// ---- part by part

namespace {

// Of a part's sums: a tile's columns of products.
constexpr int64_t kPartChannels = 64;

// Whole panels, whose gradient L2 holds beside their sums.
int64_t part_filters(const WinogradShape& shape) {
  constexpr int64_t kFloats = 64 * 1024;
  const int64_t fitting = kFloats / (shape.taps() * shape.channels);
  return std::clamp(fitting / kPanelColumns * kPanelColumns, kPanelColumns, kProductFilters);
}

}  // namespace

bool WinogradPartGradient::suits(const WinogradShape& shape, int64_t batch, int64_t threads) {
  return outgrow_l2(shape) && ceil_divide(shape.filters, kPanelColumns) >= threads &&
         chunks_of_sums(shape, TileColumns(shape, batch).tiles()).count == 1;
}

WinogradPartGradient::WinogradPartGradient(const WinogradShape& shape, int64_t batch, int64_t threads)
    : shape_(shape),
      tiles_(shape, TileColumns(shape, batch), 0, TileColumns(shape, batch).tiles()),
      filters_(cut(shape.filters, round_up(ceil_divide(shape.filters, part_filters(shape)), threads), kPanelColumns)) {}

int64_t WinogradPartGradient::section_panels() const { return ceil_divide(shape_.channels, kPanelColumns); }

int64_t WinogradPartGradient::panel() const { return tiles_.depth() * kPanelColumns; }

int64_t WinogradPartGradient::v_plane() const { return winograd_plane(input_jobs() * panel()); }

int64_t WinogradPartGradient::m_plane() const { return winograd_plane(filters_.step * tiles_.row()); }

int64_t WinogradPartGradient::sums_plane() const { return winograd_plane(filters_.step * kPartChannels); }

int64_t WinogradPartGradient::scratch() const { return shape_.form.coefficients() * v_plane(); }

int64_t WinogradPartGradient::transposed() const {
  return transposed_numbers({points_of(shape_.form.height), points_of(shape_.form.width)});
}

int64_t WinogradPartGradient::thread_scratch() const {
  return std::max(transposed(), gradient_floats() + shape_.form.coefficients() * (m_plane() + sums_plane()));
}

int64_t WinogradPartGradient::gradient_floats() const { return weight_floats(shape_, filters_.step); }

int64_t WinogradPartGradient::input_jobs() const { return shape_.sections().count() * section_panels(); }

void WinogradPartGradient::transform_input(int64_t job, const LaneImages& x, float* scratch,
                                           float* thread_scratch) const {
  const int64_t channel = job % section_panels() * kPanelColumns;
  const int64_t place = job / section_panels() * shape_.channels + channel;
  const int64_t count = std::min(kPanelColumns, shape_.channels - channel);
  shape_.sections().for_each(place, count, count, [&](const SectionChannels& some) {
    tiles_.transform_channel_panel(some, x, scratch + job * panel(), v_plane(), thread_scratch);
  });
}

void WinogradPartGradient::make(int64_t part, const LaneImages& dz, const float* scratch, float* m,
                                float* gradient) const {
  const WeightPlanes<float> sums{m + shape_.form.coefficients() * m_plane(), sums_plane(), kPartChannels};
  const int64_t filters = filters_.size(part);
  tiles_.transform_filters(filters_.first(part), filters, dz, m, m_plane());
  shape_.sections().for_each(0, shape_.all_channels(), kPartChannels, [&](const SectionChannels& some) {
    const int64_t panels = some.place / shape_.channels * section_panels() + some.channel / kPanelColumns;
    multiply_tiles({.tiles = tiles_,
                    .coefficients = shape_.form.coefficients(),
                    .rows = filters,
                    .columns = some.count,
                    .a = {m, m_plane(), tiles_.row()},
                    .b = scratch + panels * panel(),
                    .b_plane = v_plane(),
                    .prefetches = true},
                   Accumulate::kOverwrite, sums);
    winograd_transform_filter_gradient(shape_.form, filters, some.count, {sums.data, sums.plane, sums.row},
                                       section_taps(shape_, some, gradient));
  });
}

}  // namespace gradloom
