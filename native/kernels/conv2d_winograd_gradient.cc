#include "kernels/conv2d_winograd_gradient.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "kernels/simd_gemm.h"
#include "kernels/transposed_tile.h"
#include "kernels/vectors.h"
#include "kernels/winograd.h"
#include "kernels/winograd_planes.h"

namespace gradloom {

Tiling winograd_gradient_pieces(const WinogradShape& shape) {
  return cut(shape.filters, tile_rows(shape.filters, shape.form.coefficients() * shape.all_channels()).count, kLanes);
}

namespace {

// gradient[k][r][s][c] of some filters, and of D in [first, first + count), of the sums [E][count][filters] of these.
void gradient_of_sums(const WinogradShape& shape, int64_t first, int64_t count, int64_t filters,
                      const WeightPlanes<const float>& sums, float* gradient) {
  constexpr int64_t kSide = kPanelColumns;
  constexpr int64_t kTap = kSide * kSide;
  alignas(kLanes * sizeof(float)) float of_taps[kMostWinogradTaps * kTap];
  shape.sections().for_each(first, count, kSide, [&](const SectionChannels& some) {
    const WeightTaps<float> to = section_taps(shape, some, gradient);
    for (int64_t k = 0; k < filters; k += kSide) {
      const int64_t columns = std::min(kSide, filters - k);
      winograd_transform_filter_gradient(shape.form, some.count, columns,
                                         {sums.data + (some.place - first) * sums.row + k, sums.plane, sums.row},
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

}  // namespace

void winograd_gradient_of_sums(const WinogradShape& shape, int64_t piece, const float* sums, float* gradient) {
  const Tiling filters = winograd_gradient_pieces(shape);
  const int64_t begin = filters.first(piece);
  gradient_of_sums(shape, 0, shape.all_channels(), filters.size(piece),
                   {sums + begin, filter_plane(shape), shape.filters},
                   gradient + begin * shape.taps() * shape.channels);
}

namespace {

constexpr int64_t kProductFilters = 64;
constexpr int64_t kTransformImages = kPanelColumns;

// sums[e][c][k], or added to these, of up to kProductFilters filters: v[e][c][depth] times the panels m[e].
struct TileProduct {
  const WinogradGradientTiles& tiles;
  int64_t coefficients;
  int64_t channels;
  int64_t filters;
  WeightPlanes<const float> v;
  const float* m;
  int64_t m_plane;
  bool prefetches;
};
void multiply_tiles(const TileProduct& product, Accumulate accumulate, const WeightPlanes<float>& sums) {
  const int64_t channels = product.channels;
  const int64_t filters = product.filters;
  const int64_t depth = product.tiles.depth();
  for (int64_t e = 0; e < product.coefficients; ++e) {
    const float* const v = product.v.data + e * product.v.plane;
    const float* const m = product.m + e * product.m_plane;
    std::array<ByteSpan, 2> upcoming;
    if (product.prefetches && e + 1 < product.coefficients) {
      upcoming = {std::as_bytes(span_of(v + product.v.plane, channels * product.v.row)),
                  std::as_bytes(span_of(m + product.m_plane, filters * depth))};
    }
    Accumulate next = accumulate;
    const auto multiply = [&](int64_t first, int64_t terms) {
      simd_gemm_panels({channels, filters, terms}, {v + first, product.v.row},
                       {m + first * kPanelColumns, kPanelColumns * depth}, next, sums.data + e * sums.plane, sums.row,
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

// Some images of a strip of tiles, then the strips at its side, then the next images.
void WinogradGradientTiles::transform_channels(int64_t first, int64_t channels, const LaneImages& x, float* v,
                                               int64_t plane) const {
  const int64_t row = v_row();
  shape_.sections().for_each(first, channels, kTransformImages, [&](const SectionChannels& some) {
    const auto transform = [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
      const int64_t lanes = columns_.of(tile);
      const int64_t at = some.place * row + term(tile);
      winograd_transform_input(input_tile(shape_, lanes_of(shape_.input), some.tap, place, of_strip, lanes), some.count,
                               x.data + place.image * x.block + some.channel * plane_floats(shape_.input),
                               {v + at, plane, row, lanes});
    };
    for_each_strip(columns_, tiles_, transform);
  });
}

void WinogradGradientTiles::transform_filters(int64_t first, int64_t filters, const LaneImages& dz, float* m,
                                              int64_t plane, float* transposed) const {
  for (int64_t f = 0; f < filters; f += kTransformImages, m += kTransformImages * depth()) {
    const int64_t count = std::min(kTransformImages, filters - f);
    const auto transform = [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
      for (int64_t t = 0; t < of_strip; ++t) {
        transform_transposed(place.next(t), columns_.of(tile + t), first + f, count, dz, transposed,
                             {m + term(tile + t) * kPanelColumns, plane, kPanelColumns});
      }
    };
    for_each_strip(columns_, tiles_, transform);
  }
}

void WinogradGradientTiles::transform_transposed(const TilePlace& place, int64_t samples, int64_t filter,
                                                 int64_t filters, const LaneImages& dz, float* transposed,
                                                 const TileCoefficients& m) const {
  const bool won = dz.winners != nullptr;
  const int64_t scale = won ? 2 : 1;
  const Extent2d image = won ? half(shape_.output) : shape_.output;
  const int64_t row = place.row / scale;
  const int64_t column = place.column / scale;
  const auto& [rows_apart, columns_apart] = shape_.dilation;
  const Extent2d of_tile = place.form.tile();
  const PixelArea area{filters,
                       plane_floats(image),
                       rows_apart * image.width * kLanes,
                       columns_apart * kLanes,
                       {count_before(image.height - row, rows_apart, of_tile.height / scale),
                        count_before(image.width - column, columns_apart, of_tile.width / scale)}};
  const LaneImages from = dz.from(place.image * dz.block + filter * area.image + (row * image.width + column) * kLanes);
  // Vectors of a pixel are its samples.
  const ImageTile tile{{area.pixels, kLanes * kPanelColumns, kPanelColumns}, 0, 0, 1, {1, 1}, place.form};
  transpose_pixels(area, from.data, transposed);
  if (!won) return winograd_transform_output_gradient(tile, samples, transposed, m);
  auto* const winners = reinterpret_cast<ArgmaxTap*>(transposed + transposed_numbers(half(of_tile)));
  transpose_pixels(area, from.winners, winners);
  winograd_transform_output_gradient(tile, samples, ArgmaxPixels{transposed, winners}, m);
}

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
  return transposed_numbers(shape_.form.tile()) + shape_.form.coefficients() * plane;
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
    tiles.transform_filters(part.filter, part.filters, dz, m, m_plane(), transposed);
    return multiply(tiles, part, scratch + sums_floats(), m, round == 0, sums);
  }
  for (int64_t chunk = piece; chunk < chunks_.count; chunk += pieces()) {
    const WinogradGradientTiles tiles = tiles_of(chunk);
    tiles.transform_channels(part.channel, part.channels, x, own, v_plane());
    tiles.transform_filters(part.filter, part.filters, dz, m, m_plane(), transposed);
    multiply(tiles, part, own, m, chunk == piece, sums);
  }
}

void WinogradWeightGradient::multiply(const WinogradGradientTiles& tiles, const Share& share, const float* v,
                                      const float* m, bool begins, float* sums) const {
  const int64_t depth = tiles.depth();
  const int64_t row = tiles.v_row();
  const bool prefetches =
      worth_prefetching(shape_.form.coefficients() * (v_plane() + m_plane() + share.channels * share.filters));
  for (int64_t first = 0; first < share.filters; first += kProductFilters) {
    const int64_t filters = std::min(kProductFilters, share.filters - first);
    multiply_tiles(
        {.tiles = tiles,
         .coefficients = shape_.form.coefficients(),
         .channels = share.channels,
         .filters = filters,
         .v = {v + share.channel * row, v_plane(), row},
         .m = m + first * depth,
         .m_plane = m_plane(),
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

// Of a part's sums, some 300 KB at most with 64 filters.
constexpr int64_t kPartChannels = 32;

}  // namespace

bool WinogradPartGradient::suits(const WinogradShape& shape, int64_t batch, int64_t threads) {
  return outgrow_l2(shape) && ceil_divide(shape.filters, kPanelColumns) >= threads &&
         chunks_of_sums(shape, TileColumns(shape, batch).tiles()).count == 1;
}

WinogradPartGradient::WinogradPartGradient(const WinogradShape& shape, int64_t batch, int64_t threads)
    : shape_(shape),
      tiles_(shape, TileColumns(shape, batch), 0, TileColumns(shape, batch).tiles()),
      filters_(cut(shape.filters, round_up(ceil_divide(shape.filters, kProductFilters), threads), kPanelColumns)) {}

int64_t WinogradPartGradient::v_plane() const { return winograd_plane(shape_.all_channels() * tiles_.v_row()); }

int64_t WinogradPartGradient::m_plane() const {
  return winograd_plane(round_up(filters_.step, kPanelColumns) * tiles_.v_row());
}

int64_t WinogradPartGradient::sums_plane() const { return winograd_plane(kPartChannels * filters_.step); }

int64_t WinogradPartGradient::scratch() const { return shape_.form.coefficients() * v_plane(); }

int64_t WinogradPartGradient::thread_scratch() const {
  return transposed_numbers(shape_.form.tile()) + shape_.form.coefficients() * (m_plane() + sums_plane());
}

int64_t WinogradPartGradient::input_jobs() const { return ceil_divide(shape_.all_channels(), kTransformImages); }

void WinogradPartGradient::transform_input(int64_t job, const LaneImages& x, float* scratch) const {
  const int64_t first = job * kTransformImages;
  tiles_.transform_channels(first, std::min(kTransformImages, shape_.all_channels() - first), x, scratch, v_plane());
}

void WinogradPartGradient::make(int64_t part, const LaneImages& dz, const float* scratch, float* thread_scratch,
                                float* gradient) const {
  const int64_t filters = filters_.size(part);
  const int64_t row = tiles_.v_row();
  float* const transposed = thread_scratch;
  float* const m = transposed + transposed_numbers(shape_.form.tile());
  const WeightPlanes<float> sums{m + shape_.form.coefficients() * m_plane(), sums_plane(), filters_.step};
  tiles_.transform_filters(filters_.first(part), filters, dz, m, m_plane(), transposed);
  for (int64_t c = 0; c < shape_.all_channels(); c += kPartChannels) {
    const int64_t channels = std::min(kPartChannels, shape_.all_channels() - c);
    multiply_tiles({.tiles = tiles_,
                    .coefficients = shape_.form.coefficients(),
                    .channels = channels,
                    .filters = filters,
                    .v = {scratch + c * row, v_plane(), row},
                    .m = m,
                    .m_plane = m_plane(),
                    .prefetches = true},
                   Accumulate::kOverwrite, sums);
    gradient_of_sums(shape_, c, channels, filters, {sums.data, sums.plane, sums.row}, gradient);
  }
}

}  // namespace gradloom
