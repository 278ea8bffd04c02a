#include "kernels/winograd/conv2d_channels.h"

#include <algorithm>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/winograd/planes.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {
namespace {

int64_t coefficients_of(const WinogradRows& shape) { return shape.conv.form.coefficients(); }

// Whole vectors for a tile's products.
int64_t m_row(int64_t filters) { return round_up(filters, kLanes); }
int64_t widest(const WinogradRows& shape) { return std::min(kFilterPanel, shape.conv.filters); }
// Of filters that are made of so many of D.
int64_t filter_plane(const WinogradRows& shape, int64_t channels) {
  return winograd_plane(round_up(channels * widest(shape), kLanes));
}

// Tiles of a job: enough to use the panel's filters well, few enough for several threads on a small image.
constexpr int64_t kProductTiles = 32;
// For so many filters by part pay: read from memory again, they would cost more than sums that leave L2.
constexpr int64_t kFewTiles = 2 * kWinogradChunkTiles;

// With fewer tiles than a half of the filters, these are most of what a thread reads: better some of them for all
// tiles.
int64_t threads_with_chunks(const WinogradRows& shape, int64_t tiles, int64_t threads) {
  return std::clamp<int64_t>(tiles / std::max<int64_t>(32, shape.conv.filters / 2), 1, threads);
}

Tiling cut_tiles(int64_t tiles, int64_t places, int64_t threads, WinogradFilters filters) {
  if (filters == WinogradFilters::kByPart) return cut(tiles, 1);
  const int64_t chunks = ceil_divide(tiles, kWinogradChunkTiles);
  if (places == threads) return cut(tiles, round_up(chunks, threads));
  return {tiles, kWinogradChunkTiles, chunks};
}

// Blocks of channels: L2 holds what filters of a panel are transformed into, E floats of each section. By the panel's
// width, whatever a thread's part of it: bits must not depend on their number.
Tiling cut_channels(const WinogradRows& shape) {
  constexpr int64_t kMostWeights = 64 * kFilterPanel;
  const int64_t channels = shape.conv.all_channels();
  return cut(channels, ceil_divide(channels * widest(shape), kMostWeights), kLanes);
}

}  // namespace

int64_t winograd_channels_panel_floats(const WinogradRows& shape, int64_t channels) {
  return coefficients_of(shape) * filter_plane(shape, channels);
}

void winograd_channels_filters(const WinogradRows& shape, const PanelPart& stretch, const ChannelRange& range,
                               const WeightPlanes<const float>& w, float* u) {
  const PanelStretches stretches = panel_stretches(shape.images, stretch.panel);
  float* const first = u + stretches.place(stretch.first, range.count);
  const Extent2d& window = shape.conv.window;
  const WinogradSections sections = shape.conv.sections();
  sections.for_each(range.first, range.count, sections.channels, [&](const SectionChannels& some) {
    winograd_transform_filters(
        sections.form, some.count, stretch.filters,
        sections.taps_of<const float>(some,
                                      {w.data + some.channel * w.row, window.width * w.plane, w.plane, w.row, window}),
        {first + (some.place - range.first) * stretches.filters, filter_plane(shape, range.count), stretches.filters});
  });
}

WeightPlanes<const float> packed_planes(const WinogradRows& shape, const PanelPart& stretch, const float* packed) {
  const int64_t channels = shape.conv.channels;
  const int64_t rows = shape.conv.taps() * channels;
  const PanelStretches stretches = panel_stretches(shape.images, stretch.panel);
  return {packed + stretch.panel * kFilterPanel * rows + stretches.place(stretch.first, rows),
          channels * stretches.filters, stretches.filters};
}

WeightPlanes<const float> window_planes(const WinogradRows& shape, const PanelPart& stretch, const float* weights) {
  const int64_t taps = shape.conv.taps();
  const int64_t filters = shape.conv.filters;
  return {weights + (taps - 1) * filters + stretch.panel * kFilterPanel + stretch.first, -filters, taps * filters};
}

bool WinogradChannels::are_few(const WinogradRows& shape, int64_t images) {
  const int64_t tiles = images * shape.conv.tiles().count();
  return tiles <= kFewTiles && threads_with_chunks(shape, tiles, 2) == 1;
}

WinogradChannels::WinogradChannels(const WinogradRows& shape, int64_t images, int64_t threads, WinogradFilters filters)
    : shape_(shape),
      tiles_(shape.conv.tiles(images)),
      places_(filters == WinogradFilters::kByPart ? 1 : threads_with_chunks(shape, tiles_.count(), threads)),
      chunks_(cut_tiles(tiles_.count(), places_, threads, filters)),
      blocks_(cut_channels(shape)),
      parts_(shape.images, filters == WinogradFilters::kByPart ? threads : 1),
      tiles_of_product_(filters == WinogradFilters::kByPart ? chunks_.step : kProductTiles) {
  const bool fewer_jobs = places_ < threads && products(0) < threads;
  if (filters == WinogradFilters::kThere && fewer_jobs) parts_ = PanelParts(shape.images, threads);
}

int64_t WinogradChannels::place_floats() const { return coefficients_of(shape_) * tile_plane(); }

int64_t WinogradChannels::v_row() const { return round_up(shape_.conv.all_channels(), kLanes); }

int64_t WinogradChannels::tile_plane() const { return winograd_plane(chunks_.step * v_row()); }
int64_t WinogradChannels::product_plane() const { return winograd_plane(tiles_of_product_ * m_row(widest(shape_))); }

int64_t WinogradChannels::thread_floats() const { return round_up(coefficients_of(shape_) * product_plane(), kLanes); }

// Small jobs: their number is a multiple of the threads' for few tiles, too.
Tiling WinogradChannels::transform_jobs(int64_t chunk) const {
  return tile_rows(chunks_.size(chunk), 2 * coefficients_of(shape_) * v_row());
}

void WinogradChannels::transform(int64_t chunk, int64_t job, const float* x, float* v) const {
  const auto& [conv, images] = shape_;
  const Tiling jobs = transform_jobs(chunk);
  const ImageVectors vectors{conv.input, images.x_channels, kLanes};
  const int64_t row = v_row();
  const int64_t plane = tile_plane();
  const int64_t image = conv.input.height * conv.input.width * images.x_channels;
  const int64_t first = chunks_.first(chunk);
  for_each_strip(tiles_, {first + jobs.first(job), jobs.size(job)},
                 [&](int64_t tile, const TilePlace& place, int64_t count) {
                   float* const to = v + (tile - first) * row;
                   conv.sections().for_each([&](const SectionChannels& section) {
                     const ImageTile pixels = input_tile(conv, vectors, section.tap, place, count, kLanes);
                     for_each_vectors(section.count, [&](int64_t some, int64_t count_of) {
                       winograd_transform_input(pixels, count_of, x + place.image * image + some,
                                                {to + section.place + some, plane, kLanes, row});
                     });
                   });
                 });
}

Tiling WinogradChannels::product_tiles(int64_t chunk) const {
  const int64_t tiles = chunks_.size(chunk);
  return cut(tiles, ceil_divide(tiles, tiles_of_product_));
}

void WinogradChannels::product(int64_t chunk, int64_t job, const float* v, const float* u, const ChannelsOutput& output,
                               float* own) const {
  const Tiling jobs = product_tiles(chunk);
  // Jobs side by side are one thread's: with few tiles those of the same filters, else of the same tiles.
  const bool by_filters = chunks_.extent <= shape_.conv.filters;
  const PanelPart part = parts_.part(by_filters ? job / jobs.count : job % parts_.count());
  const int64_t index = by_filters ? job % jobs.count : job / parts_.count();
  const TileRange tiles{jobs.first(index), jobs.size(index)};
  const ChannelRange all{0, shape_.conv.all_channels()};
  const MadeFilters filters{u + part.panel * winograd_channels_panel_floats(shape_, all.count), all};
  for (int64_t e = 0; e < coefficients_of(shape_); ++e) {
    for (int64_t block = 0; block < blocks_.count; ++block) multiply(chunk, tiles, part, e, block, v, filters, own);
  }
  transform_output(chunk, tiles, part, output, own);
}

void WinogradChannels::add_products(const PanelPart& part, int64_t block, const float* v, const float* u,
                                    float* own) const {
  const MadeFilters filters{u, {blocks_.first(block), blocks_.size(block)}};
  for (int64_t e = 0; e < coefficients_of(shape_); ++e) {
    multiply(0, {0, chunks_.extent}, part, e, block, v, filters, own);
  }
}

void WinogradChannels::finish(const PanelPart& part, const ChannelsOutput& output, float* own) const {
  transform_output(0, {0, chunks_.extent}, part, output, own);
}

void WinogradChannels::multiply(int64_t chunk, const TileRange& tiles, const PanelPart& part, int64_t coefficient,
                                int64_t block, const float* v, const MadeFilters& filters, float* m) const {
  const int64_t before = chunks_.first(chunk) + tiles.first;
  const TileRange some = tiles_.with_coefficient(coefficient).within({before, tiles.count});
  if (some.count == 0) return;
  const int64_t skipped = some.first - before;
  const int64_t first = blocks_.first(block);
  const int64_t channels = filters.range.count;
  const PanelStretches stretches = panel_stretches(shape_.images, part.panel);
  ColumnPanels columns = stretches.columns(
      filters.u + coefficient * filter_plane(shape_, channels) + stretches.place(part.first, channels), channels);
  columns.data += (first - filters.range.first) * columns.row;
  simd_gemm_panels({some.count, part.filters, blocks_.size(block)},
                   {v + coefficient * tile_plane() + (tiles.first + skipped) * v_row() + first, v_row()}, columns,
                   block == 0 ? Accumulate::kOverwrite : Accumulate::kAdd,
                   m + coefficient * product_plane() + skipped * m_row(part.filters), m_row(part.filters));
}

void WinogradChannels::transform_output(int64_t chunk, const TileRange& tiles, const PanelPart& part,
                                        const ChannelsOutput& output, float* m) const {
  const auto& [conv, images] = shape_;
  if (part.filters == 0) return;
  const int64_t whole = part.filters / kLanes;
  const int64_t rest = part.filters % kLanes;
  const ImageVectors vectors{conv.y.image, images.y_channels, kLanes};
  const int64_t image = conv.y.image.height * conv.y.image.width * images.y_channels;
  const int64_t filter = part.panel * kFilterPanel + part.first;
  const auto transform = [&](const ImageTile& to, int64_t count, int64_t first, float* products, float* y) {
    winograd_transform_output(to, count, {products + first, product_plane(), kLanes},
                              {output.bias == nullptr ? nullptr : output.bias + filter + first, BiasOf::kFloat},
                              output.activation, y + first);
  };
  for (int64_t tile = 0; tile < tiles.count; ++tile) {
    const TilePlace place = tiles_.place(chunks_.first(chunk) + tiles.first + tile);
    ImageTile to = output_tile(conv, vectors, place, kLanes);
    float* const products = m + tile * m_row(part.filters);
    float* const y = output.y + place.image * image + filter;
    if (whole > 0) transform(to, whole, 0, products, y);
    if (rest == 0) continue;
    to.written = rest;
    transform(to, 1, whole * kLanes, products, y);
  }
}

}  // namespace gradloom
