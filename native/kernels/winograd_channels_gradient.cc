#include "kernels/winograd_channels_gradient.h"

#include <algorithm>

#include "kernels/conv2d_winograd_gradient.h"
#include "kernels/lanes.h"
#include "kernels/simd_gemm.h"
#include "kernels/vectors.h"
#include "kernels/winograd.h"
#include "kernels/winograd_planes.h"
#include "kernels/winograd_tiles.h"

namespace gradloom {
namespace {

static_assert(kWinogradChunkTiles <= kPackedDepth, "simd_gemm may cut longer sums by the width of a part");

// Enough for some threads, each with some chunks, and sums that leave room in L2.
int64_t pieces_of(const ChannelsShape& shape, int64_t all_channels, int64_t chunks) {
  constexpr int64_t kMost = 8;
  constexpr int64_t kFewest = 4;
  constexpr int64_t kFewestChunks = 2;
  constexpr int64_t kMostWeights = 64 * 64;
  const int64_t pieces = std::min(kMost, chunks / kFewestChunks);
  return pieces < kFewest || all_channels * shape.filters > kMostWeights ? 1 : pieces;
}

}  // namespace

WinogradChannelsGradient::WinogradChannelsGradient(const WinogradRows& shape, int64_t images)
    : shape_(shape.images),
      sums_(shape.conv),
      tiles_(sums_.tiles(images)),
      images_(images),
      chunks_(cut(tiles_.count(), ceil_divide(tiles_.count(), kWinogradChunkTiles))),
      pieces_(pieces_of(shape_, sums_.all_channels(), chunks_.count)),
      by_parts_(chunks_.count == 1 && WinogradChannels::are_few(shape, images)) {}

// Measured on one core of a Zen 5, in times of the direct kernel's: for 64 pixels 1.0 with 32 to 256 channels, for 128
// 0.77 to 0.87; with 16 channels 1.1 for 128, 0.96 for 392 and 0.85 for 784.
bool WinogradChannelsGradient::pays() const {
  const int64_t pixels = images_ * shape_.window.output_pixels();
  return pixels >= (std::min(shape_.channels, shape_.filters) >= 32 ? 96 : 384);
}

int64_t WinogradChannelsGradient::v_plane() const { return winograd_plane(chunks_.step * v_row()); }
int64_t WinogradChannelsGradient::m_plane() const { return winograd_plane(chunks_.step * m_row()); }

int64_t WinogradChannelsGradient::sums_floats() const { return winograd_filter_floats(sums_); }
int64_t WinogradChannelsGradient::room_floats() const { return sums_.form.coefficients() * (v_plane() + m_plane()); }

int64_t WinogradChannelsGradient::scratch(int64_t threads) const {
  if (!by_parts()) return shared_floats() + std::min(threads, pieces()) * room_floats();
  return room_floats() + threads * winograd_filter_floats(of_filters(parts(1).step));
}

Tiling WinogradChannelsGradient::jobs_of(int64_t chunk) const {
  return tile_rows(chunks_.size(chunk), sums_.form.coefficients() * (v_row() + shape_.filters));
}

void WinogradChannelsGradient::transform(int64_t chunk, int64_t job, const float* x, const float* dz, float* scratch,
                                         int64_t room) const {
  const Window2d& w = shape_.window;
  const Tiling jobs = jobs_of(chunk);
  float* const v = scratch + shared_floats() + room * room_floats();
  const int64_t row = v_row();
  const int64_t plane = v_plane();
  float* const m = v + sums_.form.coefficients() * plane;
  const int64_t first = chunks_.first(chunk);
  const auto transform = [&](int64_t tile, const TilePlace& place, int64_t count) {
    const int64_t at = tile - first;
    sums_.sections().for_each([&](const SectionChannels& section) {
      const ImageTile input =
          input_tile(sums_, {w.input, shape_.x_channels, kLanes}, section.tap, place, count, kLanes);
      for_each_vectors(section.count, [&](int64_t some, int64_t vectors) {
        winograd_transform_input(input, vectors, x + place.image * w.input_pixels() * shape_.x_channels + some,
                                 {v + at * row + section.place + some, plane, kLanes, row});
      });
    });
    const ImageTile output{
        {w.output, shape_.y_channels, kLanes}, place.row, place.column, count, sums_.dilation, place.form};
    for_each_vectors(shape_.filters, [&](int64_t some, int64_t vectors) {
      winograd_transform_output_gradient(output, vectors,
                                         dz + place.image * w.output_pixels() * shape_.y_channels + some,
                                         {m + at * m_row() + some, m_plane(), kLanes, m_row()});
    });
  };
  for_each_strip(tiles_, {first + jobs.first(job), jobs.size(job)}, transform);
}

TileRange WinogradChannelsGradient::tiles_of(int64_t coefficient, int64_t chunk) const {
  const int64_t first = chunks_.first(chunk);
  const TileRange tiles = tiles_.with_coefficient(coefficient).within({first, chunks_.size(chunk)});
  return {tiles.count == 0 ? 0 : tiles.first - first, tiles.count};
}

void WinogradChannelsGradient::product(int64_t piece, int64_t chunk, int64_t job, float* scratch, int64_t room) const {
  const int64_t coefficient = job / shape_.panels();
  const int64_t panel = job % shape_.panels();
  const int64_t filter = panel * kFilterPanel;
  const float* const v = scratch + shared_floats() + room * room_floats();
  const float* const m = v + sums_.form.coefficients() * v_plane();
  float* const sums =
      scratch + piece * sums_floats() + coefficient * sums_floats() / sums_.form.coefficients() + filter;
  const TileRange tiles = tiles_of(coefficient, chunk);
  const bool begins = chunk == piece;
  if (tiles.count == 0 && !begins) return;
  simd_gemm({sums_.all_channels(), shape_.panel_width(panel), tiles.count},
            {v + coefficient * v_plane() + tiles.first * v_row(), v_row(), Transpose::kYes},
            {m + coefficient * m_plane() + tiles.first * m_row() + filter, m_row()},
            begins ? Accumulate::kOverwrite : Accumulate::kAdd, sums, shape_.filters);
}

WinogradShape WinogradChannelsGradient::of_filters(int64_t filters) const {
  WinogradShape part = sums_;
  part.filters = filters;
  return part;
}

Tiling WinogradChannelsGradient::parts(int64_t threads) const {
  // Weights of a channel and filter whose transforms, E of each, L2 holds.
  constexpr int64_t kMostPartWeights = 128 * kFilterPanel;
  const int64_t parts = std::max(shape_.panels(), ceil_divide(sums_.all_channels() * shape_.filters, kMostPartWeights));
  return cut(shape_.filters, std::max(parts, threads), kLanes);
}

void WinogradChannelsGradient::gradient_of_part(const Tiling& parts, int64_t part, float* scratch, int64_t thread,
                                                float* gradient) const {
  const int64_t first = parts.first(part);
  const int64_t filters = parts.size(part);
  const WinogradShape shape = of_filters(filters);
  const float* const v = scratch;
  const float* const m = v + sums_.form.coefficients() * v_plane();
  float* const sums = scratch + room_floats() + thread * winograd_filter_floats(of_filters(parts.step));
  for (int64_t e = 0; e < sums_.form.coefficients(); ++e) {
    const TileRange tiles = tiles_of(e, 0);
    simd_gemm({sums_.all_channels(), filters, tiles.count},
              {v + e * v_plane() + tiles.first * v_row(), v_row(), Transpose::kYes},
              {m + e * m_plane() + tiles.first * m_row() + first, m_row()}, Accumulate::kOverwrite,
              sums + e * winograd_filter_floats(shape) / sums_.form.coefficients(), filters);
  }
  const int64_t row = shape_.window.taps() * shape_.channels;
  const Tiling pieces = winograd_gradient_pieces(shape);
  for (int64_t piece = 0; piece < pieces.count; ++piece) {
    winograd_gradient_of_sums(shape, piece, sums, gradient + (first + pieces.first(piece)) * row);
  }
}

void WinogradChannelsGradient::add_pieces(int64_t coefficient, float* scratch) const {
  float* const total = scratch + coefficient * sums_floats() / sums_.form.coefficients();
  for (int64_t other = 1; other < pieces(); ++other) {
    sum(total, total + other * sums_floats(), sums_.all_channels() * shape_.filters, total);
  }
}

}  // namespace gradloom
