#include "kernels/winograd/conv2d.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/checked.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/vectors/vectors.h"
#include "kernels/winograd/planes.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {
namespace {

// Forward: columns of a chunk, those of some tiles; filters whose products stay in cache until their output is
// transformed, while those of all channels are kept there; and images whose pixels of all tiles are written before
// those of the next ones.
constexpr int64_t kChunkRow = 4 * kLanes;
constexpr int64_t kMostChunkTiles = kChunkRow / kHalfLanes;
constexpr int64_t kImageBlock = 4;

ImageTile pooled_tile(const WinogradShape& shape, const TilePlace& place, int64_t lanes) {
  return {lanes_of(half(shape.output)), place.row / 2, place.column / 2, 1, {1, 1}, place.form, lanes};
}

// Filters whose products and weights stay in L2 beside a chunk, whose input all of them read.
constexpr int64_t kPanelFilters = 48;
constexpr int64_t kRowFilters = 32;

// How products read the channels of a chunk's tiles: those of all tiles side by side where simd_gemm takes so many
// columns at once, else of 16 columns by themselves. Nothing lies between them: lines that lie apart share few sets of
// L1.
struct ChunkLayout {
  ChunkLayout(const WinogradShape& shape, int64_t columns)
      : in_panels(narrow_products()),
        row(round_up(columns, kPanelColumns)),
        channel(in_panels ? kPanelColumns : row),
        panel(in_panels ? shape.all_channels() * kPanelColumns : kPanelColumns),
        filters(std::min(shape.filters, in_panels ? kPanelFilters : kRowFilters)) {}

  int64_t at(int64_t column) const { return column / kPanelColumns * panel + column % kPanelColumns; }
  // Tiles of so many columns each, from `column` on, that lie at equal distances.
  int64_t tiles_in_line(int64_t column, int64_t of_tile) const {
    const int64_t rest = kPanelColumns - column % kPanelColumns;
    return in_panels && of_tile < kPanelColumns ? rest / of_tile : kMostStripTiles;
  }

  bool in_panels;
  int64_t row;      // of a channel's columns, and of a filter's
  int64_t channel;  // floats from channel to channel
  int64_t panel;    // from 16 columns to the next
  int64_t filters;  // of a block
};

// `count` filters [R][S][C].
void transform_sections(const WinogradShape& shape, int64_t count, const float* weights, const WeightPlanes<float>& u) {
  shape.sections().for_each([&](const SectionChannels& section) {
    winograd_transform_filters(shape.form, count, section.count, section_taps(shape, section, weights),
                               {u.data + section.place, u.plane, u.row});
  });
}

// Filters that a job transforms itself, some at a time, which stay in L2 until they are multiplied.
class PartFilters {
 public:
  static constexpr int64_t kMost = 12;  // whole tiles of their products

  PartFilters(const WinogradShape& shape, float* scratch) : shape_(shape), scratch_(scratch) {}

  static int64_t floats(const WinogradShape& shape) {
    return shape.form.coefficients() * plane(shape) + round_up(kMost * row(shape), kLanes);
  }
  // Of `count` filters from `first` on.
  WeightPlanes<const float> transform(int64_t first, int64_t count, const WinogradFilterSource& from) const {
    const float* weights = from.data + first * row(shape_);
    if (from.form == WinogradFilterSource::Form::kToFlip) {
      const int64_t taps = shape_.taps();
      float* const flipped = scratch_ + shape_.form.coefficients() * plane(shape_);
      for (int64_t tap = 0; tap < taps; ++tap) {
        transpose(shape_.channels, count, from.data + tap * shape_.filters + first, taps * shape_.filters,
                  flipped + (taps - 1 - tap) * shape_.channels, row(shape_));
      }
      weights = flipped;
    }
    const WeightPlanes<float> u{scratch_, plane(shape_), shape_.all_channels()};
    transform_sections(shape_, count, weights, u);
    return {u.data, u.plane, u.row};
  }

 private:
  static int64_t row(const WinogradShape& shape) { return shape.taps() * shape.channels; }
  static int64_t plane(const WinogradShape& shape) {
    return winograd_plane(round_up(kMost * shape.all_channels(), kLanes));
  }

  const WinogradShape& shape_;
  float* scratch_;
};

// Calls visit(first, images, tile) for some images of each tile, then for the next ones.
template <class Visit>
void for_each_image_block(int64_t images, int64_t tiles, Visit visit) {
  for (int64_t first = 0; first < images; first += kImageBlock) {
    for (int64_t tile = 0; tile < tiles; ++tile) visit(first, std::min(kImageBlock, images - first), tile);
  }
}

// `steps`: of what is transformed for each filter.
double flops_of_tiles(const WinogradShape& shape, int64_t images, int64_t WinogradSteps::*steps) {
  const auto channels = static_cast<double>(shape.all_channels());
  const auto filters = static_cast<double>(shape.filters);
  const WinogradTiles tiles = shape.tiles(images);
  double total = static_cast<double>(tiles.products()) * channels * filters;
  tiles.for_each_kind([&](WinogradForm form, int64_t count, int64_t beside) {
    if (count == 0) return;
    const auto strip = static_cast<double>(std::min(beside, kMostStripTiles));
    const auto tile = static_cast<double>(tile_of(form.width));
    const auto inputs = static_cast<double>(points_of(form.width));
    const WinogradSteps of_form = winograd_steps(form);
    const double input_steps = static_cast<double>(of_form.input_column) * (tile + (inputs - tile) / strip) +
                               static_cast<double>(of_form.input_tile);
    total += static_cast<double>(count) * (input_steps * channels + static_cast<double>(of_form.*steps) * filters);
  });
  return 2 * total;
}

}  // namespace

double winograd_flops(const WinogradShape& shape, int64_t images) {
  return flops_of_tiles(shape, images, &WinogradSteps::output);
}

double winograd_weight_gradient_flops(const WinogradShape& shape, int64_t images) {
  return flops_of_tiles(shape, images, &WinogradSteps::output_gradient);
}

// ---- filters

int64_t winograd_filter_floats(const WinogradShape& shape) { return shape.form.coefficients() * filter_plane(shape); }

void winograd_filters(const WinogradShape& shape, const Tiling& filters, int64_t piece, const float* weights,
                      float* u) {
  const int64_t first = filters.first(piece);
  const int64_t row = shape.all_channels();
  transform_sections(shape, filters.size(piece), weights + first * shape.taps() * shape.channels,
                     {u + first * row, filter_plane(shape), row});
}

bool winograd_makes_filters_by_part(const WinogradShape& shape, int64_t batch) {
  // To transform them again for each of more chunks would take longer than to read them.
  constexpr int64_t kMostChunks = 2;
  return outgrow_l2(shape) && winograd_forward_chunks(TileColumns(shape, batch)).count <= kMostChunks;
}

void winograd_flip_weights(const WinogradShape& shape, int64_t tap, const float* weights, float* flipped) {
  const int64_t taps = shape.taps();
  transpose(shape.filters, shape.channels, weights + tap * shape.channels, taps * shape.channels,
            flipped + (taps - 1 - tap) * shape.filters, taps * shape.filters);
}

// ---- forward

TileColumns::TileColumns(const WinogradShape& shape, int64_t batch)
    : full_blocks_(shape.tiles(full_width_blocks(batch))),
      half_block_(shape.tiles(lane_blocks(batch) - full_width_blocks(batch))),
      last_block_(lane_blocks(batch) - 1) {}

Tiling winograd_forward_chunks(const TileColumns& columns) {
  return cut(columns.count(), ceil_divide(columns.count(), kChunkRow), kLanes);
}

int64_t winograd_forward_scratch(const WinogradShape& shape, WinogradFilterSource::Form form) {
  const int64_t filters = ChunkLayout(shape, kChunkRow).filters;
  return shape.form.coefficients() *
             (winograd_plane(shape.all_channels() * kChunkRow) + winograd_plane(filters * kChunkRow)) +
         (form == WinogradFilterSource::Form::kTransformed ? 0 : PartFilters::floats(shape));
}

Tiling winograd_forward_filters(const WinogradShape& shape, int64_t chunks, int64_t threads,
                                WinogradFilterSource::Form form) {
  // To transform a channel takes as long as its products for so many filters.
  constexpr int64_t kTransform = 10;
  constexpr int64_t kMostShares = 8;
  constexpr int64_t kFewestFilters = 8;
  const bool by_part = form != WinogradFilterSource::Form::kTransformed;
  const int64_t most = by_part ? std::max(kMostShares, threads) : kMostShares;
  Tiling best = cut(shape.filters, 1);
  int64_t least = 0;
  for (int64_t count = 1; count <= most; ++count) {
    const Tiling shares = cut(shape.filters, count, by_part ? PartFilters::kMost : kFewestFilters);
    const int64_t time = ceil_divide(chunks * shares.count, threads) * (kTransform + shares.step);
    if (count > 1 && time >= least) continue;
    best = shares;
    least = time;
  }
  return best;
}

int64_t winograd_output_floats(const WinogradShape& shape, const WinogradOutput& output) {
  return plane_floats(output.pooled ? half(shape.output) : shape.y.image);
}

namespace {

// A job's chunk of tiles, T columns: v, their transformed inputs [E][D][T] or [E][T / 16][D][16], which all filters
// read, and m, the products [E][filters of a block][T].
class ForwardChunk {
 public:
  ForwardChunk(const WinogradShape& shape, const TileColumns& columns, const WinogradJob& job, float* scratch)
      : shape_(shape),
        columns_(columns),
        first_column_(job.first_column),
        tiles_{columns.tile_at(job.first_column),
               columns.tile_at(job.first_column + job.columns) - columns.tile_at(job.first_column)},
        layout_(shape, job.columns),
        v_plane_(winograd_plane(shape.all_channels() * layout_.row)),
        v_(scratch),
        m_(scratch + shape.form.coefficients() * v_plane_) {}

  int64_t block_filters() const { return layout_.filters; }

  void transform_inputs(const LaneImages& x);
  // Of `count` filters u, those of coefficient e at u.data[e * u.plane].
  void multiply(int64_t count, const WeightPlanes<const float>& u) const;
  void transform_outputs(int64_t first, int64_t count, const WinogradOutput& output) const;

 private:
  int64_t column_of(int64_t tile) const { return columns_.before(tile) - first_column_; }
  int64_t m_plane(int64_t filters) const { return winograd_plane(filters * layout_.row); }

  const WinogradShape& shape_;
  const TileColumns& columns_;
  int64_t first_column_;
  TileRange tiles_;
  ChunkLayout layout_;
  int64_t v_plane_;
  float* v_;
  float* m_;
  std::array<TilePlace, kMostChunkTiles> places_;
};

void ForwardChunk::transform_inputs(const LaneImages& x) {
  for_each_strip(columns_, tiles_, [&](int64_t tile, const TilePlace& place, int64_t count) {
    const int64_t lanes = columns_.of(tile);
    const LaneImages block = x.from(place.image * x.block);
    for (int64_t t = 0; t < count;) {
      const TilePlace begin = place.next(t);
      const int64_t column = column_of(tile + t);
      const int64_t in_line = std::min(count - t, layout_.tiles_in_line(column, lanes));
      shape_.sections().for_each([&](const SectionChannels& section) {
        const TileCoefficients to{v_ + layout_.at(column) + section.place * layout_.channel, v_plane_, layout_.channel,
                                  lanes < kPanelColumns ? lanes : layout_.panel};
        const auto tile_on = [&](const Extent2d& image) {
          return input_tile(shape_, lanes_of(image), section.tap, begin, in_line, lanes);
        };
        if (x.winners == nullptr) {
          winograd_transform_input(tile_on(shape_.input), section.count, block.data, to);
        } else {
          winograd_transform_input(tile_on(half(shape_.input)), section.count, ArgmaxPixels{block.data, block.winners},
                                   to);
        }
      });
      for (const int64_t end = t + in_line; t < end; ++t) places_[tile - tiles_.first + t] = place.next(t);
    }
  });
}

void ForwardChunk::multiply(int64_t count, const WeightPlanes<const float>& u) const {
  const int64_t coefficients = shape_.form.coefficients();
  const bool prefetches = worth_prefetching(coefficients * (filter_plane(shape_) + v_plane_));
  const auto u_of = [&](int64_t e) { return span_of(u.data + e * u.plane, count * shape_.all_channels()); };
  const auto v_of = [&](int64_t e) { return span_of(v_ + e * v_plane_, shape_.all_channels() * layout_.row); };
  for (int64_t e = 0; e < coefficients; ++e) {
    std::array<ByteSpan, 2> upcoming;
    if (prefetches && e + 1 < coefficients) {
      upcoming = {std::as_bytes(v_of(e + 1)), std::as_bytes(u_of(e + 1))};
    }
    const MatrixOperand filters{u_of(e).data(), u.row};
    columns_.for_each_with(e, tiles_, [&](const TileRange& tiles) {
      // From the beginning of a panel on: beside a half of one that counts, the other half has no meaning.
      const int64_t column = column_of(tiles.first) / kPanelColumns * kPanelColumns;
      const ProductShape product{count, column_of(tiles.end()) - column, shape_.all_channels()};
      const float* const from = v_of(e).data() + layout_.at(column);
      float* const to = m_ + e * m_plane(count) + column;
      if (layout_.in_panels) {
        simd_gemm_panels(product, filters, {from, layout_.panel}, Accumulate::kOverwrite, to, layout_.row, upcoming);
      } else {
        simd_gemm(product, filters, {from, layout_.channel}, Accumulate::kOverwrite, to, layout_.row, upcoming);
      }
      upcoming = {};
    });
  }
}

void ForwardChunk::transform_outputs(int64_t first, int64_t count, const WinogradOutput& output) const {
  for_each_image_block(count, tiles_.count, [&](int64_t f, int64_t filters, int64_t t) {
    const TilePlace& place = places_[t];
    const int64_t lanes = columns_.of(tiles_.first + t);
    const TileCoefficients coefficients{m_ + f * layout_.row + column_of(tiles_.first + t), m_plane(count),
                                        layout_.row};
    const TileBias bias{output.bias == nullptr ? nullptr : output.bias + first + f, BiasOf::kVector};
    const int64_t at = place.image * output.y_block + (first + f) * winograd_output_floats(shape_, output);
    if (output.pooled) {
      winograd_transform_output_pooled(pooled_tile(shape_, place, lanes), filters, coefficients, bias,
                                       output.activation, output.y + at,
                                       output.winners == nullptr ? nullptr : output.winners + at);
    } else {
      winograd_transform_output(output_tile(shape_, lanes_of(shape_.y.image), place, lanes), filters, coefficients,
                                bias, output.activation, output.y + at);
    }
  });
}

}  // namespace

void conv2d_winograd_forward(const WinogradShape& shape, const TileColumns& columns, const WinogradJob& job,
                             const LaneImages& x, const WinogradFilterSource& filters, const WinogradOutput& output,
                             float* scratch) {
  using Form = WinogradFilterSource::Form;
  ForwardChunk chunk(shape, columns, job, scratch);
  chunk.transform_inputs(x);
  const bool by_part = filters.form != Form::kTransformed;
  const int64_t most = by_part ? PartFilters::kMost : chunk.block_filters();
  const int64_t end = job.first_filter + job.filters;
  for (int64_t k = job.first_filter; k < end; k += most) {
    const int64_t count = std::min(most, end - k);
    WeightPlanes<const float> u{filters.data + k * shape.all_channels(), filter_plane(shape), shape.all_channels()};
    if (by_part) {
      const PartFilters own(shape, scratch + winograd_forward_scratch(shape, Form::kTransformed));
      u = own.transform(k, count, filters);
    }
    chunk.multiply(count, u);
    chunk.transform_outputs(k, count, output);
  }
}

}  // namespace gradloom
