#include "kernels/winograd_channels.h"

#include <algorithm>

#include "kernels/lanes.h"
#include "kernels/simd_gemm.h"
#include "kernels/winograd.h"
#include "kernels/winograd_tiles.h"

namespace gradloom {
namespace {

WinogradForm form_of(const ChannelsShape& shape) { return winograd_form(shape.window); }

WinogradTiles tiles_of(const ChannelsShape& shape) {
  return {shape.window.output, shape.window.dilation, form_of(shape)};
}

int64_t widest(const ChannelsShape& shape) { return std::min(kFilterPanel, shape.filters); }
int64_t filter_plane(const ChannelsShape& shape) { return winograd_plane(shape.channels * widest(shape)); }
int64_t tile_plane(const ChannelsShape& shape) { return winograd_plane(kWinogradChunkTiles * shape.channels); }

// Tiles of a job: enough to use the panel's filters well, few enough for several threads on a small image.
int64_t tiles_of_product(const ChannelsShape& shape) { return std::clamp<int64_t>(shape.channels / 4, 8, 16); }
int64_t product_plane(const ChannelsShape& shape) { return winograd_plane(tiles_of_product(shape) * widest(shape)); }

// With fewer tiles than a half of the filters, these are most of what a thread reads: better some of them for all
// tiles.
int64_t threads_with_chunks(const ChannelsShape& shape, int64_t tiles, int64_t threads) {
  return std::clamp<int64_t>(tiles / std::max<int64_t>(32, shape.filters / 2), 1, threads);
}

Tiling cut_tiles(int64_t tiles, int64_t places, int64_t threads) {
  const int64_t chunks = ceil_divide(tiles, kWinogradChunkTiles);
  if (places == threads) return cut(tiles, round_up(chunks, threads));
  return {tiles, kWinogradChunkTiles, chunks};
}

// Parts of panels for the threads, each of filters that L2 holds.
PanelParts cut_filters_by_part(const ChannelsShape& shape, int64_t threads) {
  const int64_t of_panel = ceil_divide(shape.channels * widest(shape), kMostPartWeights);
  return {shape, std::max(threads, of_panel * shape.panels())};
}

}  // namespace

bool winograd_channels_fit(int64_t channels, int64_t filters) {
  return channels % kLanes == 0 && filters % kLanes == 0;
}

int64_t winograd_channels_panel_floats(const ChannelsShape& shape) {
  return kWinogradCoefficients * filter_plane(shape);
}

void winograd_channels_filters(const ChannelsShape& shape, const PanelPart& stretch, const WeightPlanes<const float>& w,
                               float* u) {
  const PanelStretches stretches = panel_stretches(shape, stretch.panel);
  winograd_transform_filters(
      form_of(shape), shape.channels, stretch.filters, w,
      {u + stretches.place(stretch.first, shape.channels), filter_plane(shape), stretches.filters});
}

WeightPlanes<const float> packed_planes(const ChannelsShape& shape, const PanelPart& stretch, const float* packed) {
  const int64_t rows = shape.window.taps() * shape.channels;
  const PanelStretches stretches = panel_stretches(shape, stretch.panel);
  return {packed + stretch.panel * kFilterPanel * rows + stretches.place(stretch.first, rows),
          shape.channels * stretches.filters, stretches.filters};
}

WeightPlanes<const float> window_planes(const ChannelsShape& shape, const PanelPart& stretch, const float* weights) {
  const int64_t taps = shape.window.taps();
  return {weights + (taps - 1) * shape.filters + stretch.panel * kFilterPanel + stretch.first, -shape.filters,
          taps * shape.filters};
}

bool WinogradChannels::are_few(const ChannelsShape& shape, int64_t images) {
  const int64_t tiles = images * tiles_of(shape).count();
  return tiles <= kWinogradChunkTiles && threads_with_chunks(shape, tiles, 2) == 1;
}

WinogradChannels::WinogradChannels(const ChannelsShape& shape, int64_t images, int64_t threads, WinogradFilters filters)
    : shape_(shape),
      places_(filters == WinogradFilters::kByPart
                  ? 1
                  : threads_with_chunks(shape, images * tiles_of(shape).count(), threads)),
      chunks_(cut_tiles(images * tiles_of(shape).count(), filters == WinogradFilters::kByPart ? 0 : places_, threads)),
      parts_(filters == WinogradFilters::kByPart ? cut_filters_by_part(shape, threads) : PanelParts(shape, 1)) {
  const bool fewer_jobs = places_ < threads && products(0) < threads;
  if (filters == WinogradFilters::kThere && fewer_jobs) parts_ = PanelParts(shape, threads);
}

int64_t WinogradChannels::place_floats() const { return kWinogradCoefficients * tile_plane(shape_); }

int64_t WinogradChannels::thread_floats() const {
  return round_up(kWinogradCoefficients * product_plane(shape_), kLanes);
}

// Small jobs: their number is a multiple of the threads' for few tiles, too.
Tiling WinogradChannels::transform_jobs(int64_t chunk) const {
  return tile_rows(chunks_.size(chunk), 2 * kWinogradCoefficients * shape_.channels);
}

void WinogradChannels::transform(int64_t chunk, int64_t job, const float* x, float* v) const {
  const Window2d& w = shape_.window;
  const Tiling jobs = transform_jobs(chunk);
  const int64_t image = w.input_pixels() * shape_.x_channels;
  const WinogradTiles tiles = tiles_of(shape_);
  const int64_t end = jobs.first(job) + jobs.size(job);
  for (int64_t tile = jobs.first(job), count = 0; tile < end; tile += count) {
    const TilePlace place = tiles.place(chunks_.first(chunk) + tile);
    count = std::min({tiles.side_by_side(place), end - tile, kMostStripTiles});
    const ImageTile strip{{w.input, shape_.x_channels, kLanes},
                          place.row - w.padding.top,
                          place.column - w.padding.left,
                          count,
                          w.dilation,
                          tiles.form};
    winograd_transform_input(strip, shape_.channels / kLanes, x + place.image * image,
                             {v + tile * shape_.channels, tile_plane(shape_), kLanes, shape_.channels});
  }
}

Tiling WinogradChannels::product_tiles(int64_t chunk) const {
  const int64_t tiles = chunks_.size(chunk);
  return cut(tiles, ceil_divide(tiles, tiles_of_product(shape_)));
}

void WinogradChannels::product(int64_t chunk, int64_t job, const float* v, const float* u, const ChannelsOutput& output,
                               float* own) const {
  const Tiling tiles = product_tiles(chunk);
  // Jobs side by side are one thread's: with few tiles those of the same filters, else of the same tiles.
  const bool by_filters = chunks_.extent <= shape_.filters;
  const PanelPart part = parts_.part(by_filters ? job / tiles.count : job % parts_.count());
  multiply(chunk, by_filters ? job % tiles.count : job / parts_.count(), part, v,
           u + part.panel * winograd_channels_panel_floats(shape_), output, own);
}

void WinogradChannels::products_of_part(int64_t chunk, const PanelPart& part, const float* v, const float* u,
                                        const ChannelsOutput& output, float* own) const {
  for (int64_t tiles = 0; tiles < product_tiles(chunk).count; ++tiles) {
    multiply(chunk, tiles, part, v, u, output, own);
  }
}

void WinogradChannels::multiply(int64_t chunk, int64_t tile_job, const PanelPart& part, const float* v, const float* u,
                                const ChannelsOutput& output, float* m) const {
  const int64_t width = part.filters;
  if (width == 0) return;
  const int64_t first = product_tiles(chunk).first(tile_job);
  const int64_t count = product_tiles(chunk).size(tile_job);
  const PanelStretches stretches = panel_stretches(shape_, part.panel);
  const float* const tiles = v + first * shape_.channels;
  const float* const filters = u + stretches.place(part.first, shape_.channels);
  const int64_t of_tiles = tile_plane(shape_);
  const int64_t of_filters = filter_plane(shape_);
  const int64_t of_sums = product_plane(shape_);
  for (int64_t e = 0; e < kWinogradCoefficients; ++e) {
    simd_gemm_panels({count, width, shape_.channels}, {tiles + e * of_tiles, shape_.channels},
                     stretches.columns(filters + e * of_filters, shape_.channels), Accumulate::kOverwrite,
                     m + e * of_sums, width);
  }
  const Window2d& w = shape_.window;
  const int64_t image = w.output_pixels() * shape_.y_channels;
  const int64_t filter = part.panel * kFilterPanel + part.first;
  for (int64_t tile = 0; tile < count; ++tile) {
    const TilePlace place = tiles_of(shape_).place(chunks_.first(chunk) + first + tile);
    winograd_transform_output(
        {{w.output, shape_.y_channels, kLanes}, place.row, place.column, 1, w.dilation, form_of(shape_)},
        width / kLanes, {m + tile * width, product_plane(shape_), kLanes},
        {output.bias == nullptr ? nullptr : output.bias + filter, BiasOf::kFloat}, output.activation,
        output.y + place.image * image + filter);
  }
}

}  // namespace gradloom
