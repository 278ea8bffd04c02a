#include "kernels/winograd/conv2d_channels_weight_gradient.h"

#include <algorithm>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/vectors/vectors.h"
#include "kernels/winograd/conv2d_weight_gradient.h"
#include "kernels/winograd/planes.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

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

// Whole vectors for each part, and enough parts for all threads. L2 holds the E coefficients of each weight of a part.
Tiling parts_of(const WinogradShape& shape, bool by_parts, int64_t threads) {
  constexpr int64_t kMostWeights = 64 * kFilterPanel;
  if (!by_parts) return winograd_gradient_pieces(shape);
  const int64_t fitting = ceil_divide(shape.all_channels() * shape.filters, kMostWeights);
  return cut(shape.filters, std::max({ceil_divide(shape.filters, kFilterPanel), fitting, threads}), kLanes);
}

}  // namespace

WinogradChannelsGradient::WinogradChannelsGradient(const WinogradRows& shape, int64_t images, int64_t threads)
    : shape_(shape.images),
      sums_(shape.conv),
      tiles_(sums_.tiles(images)),
      images_(images),
      chunks_(cut(tiles_.count(), ceil_divide(tiles_.count(), kWinogradChunkTiles))),
      pieces_(pieces_of(shape_, sums_.all_channels(), chunks_.count)),
      by_parts_(chunks_.count == 1 && WinogradChannels::are_few(shape, images)),
      rooms_(threads <= pieces_ ? threads : 1),
      parts_(parts_of(sums_, by_parts_, threads)) {}

// Measured on one core of a Zen 5, in times of the direct kernel's: for 64 pixels 1.0 with 32 to 256 channels, for 128
// 0.77 to 0.87; with 16 channels 1.1 for 128, 0.96 for 392 and 0.85 for 784.
bool WinogradChannelsGradient::pays() const {
  const int64_t pixels = images_ * shape_.window.output_pixels();
  return pixels >= (std::min(shape_.channels, shape_.filters) >= 32 ? 96 : 384);
}

int64_t WinogradChannelsGradient::v_plane() const { return winograd_plane(chunks_.step * v_row()); }
int64_t WinogradChannelsGradient::m_plane() const { return winograd_plane(chunks_.step * m_row()); }

int64_t WinogradChannelsGradient::room_floats() const { return sums_.form.coefficients() * (v_plane() + m_plane()); }

int64_t WinogradChannelsGradient::scratch() const { return shared_floats() + rooms_ * room_floats(); }

int64_t WinogradChannelsGradient::weight_floats() const {
  return round_up(parts_.step * shape_.window.taps() * shape_.channels, kLanes);
}

int64_t WinogradChannelsGradient::thread_scratch() const {
  return weight_floats() + (by_parts() ? sums_floats(parts_.step) : 0);
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

void WinogradChannelsGradient::multiply(int64_t coefficient, int64_t chunk, const FilterRange& filters,
                                        const float* room, Accumulate accumulate, float* sums) const {
  const float* const v = room + coefficient * v_plane();
  const float* const m = room + sums_.form.coefficients() * v_plane() + coefficient * m_plane() + filters.first;
  const TileRange tiles = tiles_of(coefficient, chunk);
  if (tiles.count == 0 && accumulate == Accumulate::kAdd) return;
  simd_gemm({filters.count, sums_.all_channels(), tiles.count}, {m + tiles.first * m_row(), m_row(), Transpose::kYes},
            {v + tiles.first * v_row(), v_row()}, accumulate, sums, sums_row());
}

void WinogradChannelsGradient::product(int64_t piece, int64_t chunk, int64_t job, float* scratch, int64_t room) const {
  const int64_t coefficient = job / shape_.panels();
  const int64_t panel = job % shape_.panels();
  const FilterRange filters{panel * kFilterPanel, shape_.panel_width(panel)};
  multiply(coefficient, chunk, filters, scratch + shared_floats() + room * room_floats(),
           chunk == piece ? Accumulate::kOverwrite : Accumulate::kAdd,
           scratch + piece * sums_floats(shape_.filters) + coefficient * sums_plane(shape_.filters) +
               filters.first * sums_row());
}

void WinogradChannelsGradient::add_pieces(int64_t coefficient, float* scratch) const {
  float* const total = scratch + coefficient * sums_plane(shape_.filters);
  for (int64_t other = 1; other < pieces(); ++other) {
    sum(total, total + other * sums_floats(shape_.filters), shape_.filters * sums_row(), total);
  }
}

void WinogradChannelsGradient::make(int64_t part, const float* scratch, float* sums, float* gradient) const {
  const FilterRange filters{parts_.first(part), parts_.size(part)};
  WeightPlanes<const float> made{scratch + filters.first * sums_row(), sums_plane(shape_.filters), sums_row()};
  if (by_parts()) {
    made = {sums, sums_plane(filters.count), sums_row()};
    for (int64_t e = 0; e < sums_.form.coefficients(); ++e) {
      multiply(e, 0, filters, scratch, Accumulate::kOverwrite, sums + e * made.plane);
    }
  }
  sums_.sections().for_each([&](const SectionChannels& section) {
    winograd_transform_filter_gradient(sums_.form, filters.count, section.count,
                                       {made.data + section.place, made.plane, made.row},
                                       section_taps(sums_, section, gradient));
  });
}

}  // namespace gradloom
