#include "kernels/winograd/gradient_tiles.h"

#include <algorithm>

#include "kernels/layout/transposed_tile.h"
#include "kernels/winograd/planes.h"

namespace gradloom {
namespace {

// Of a transposed tile (kernels/layout/transposed_tile.h): vectors of a pixel are its samples.
ImageVectors transposed_vectors(const Extent2d& pixels) { return {pixels, kLanes * kLanes, kLanes}; }

// Along an axis, what a tile reads of an image of `size` pixels: `count` pixels from `pixel` on, after as many as lie
// before the image.
struct InputLine {
  InputLine(int64_t first, int64_t step, int64_t points, int64_t size)
      : outside(std::min(points, ceil_divide(std::max<int64_t>(-first, 0), step))),
        pixel(first + outside * step),
        count(count_before(size - pixel, step, points - outside)) {}

  int64_t outside;
  int64_t pixel;
  int64_t count;
};

}  // namespace

// Some images of a strip of tiles, then the strips at its side, then the next images.
void WinogradGradientTiles::transform_channels(int64_t first, int64_t channels, const LaneImages& x, float* v,
                                               int64_t plane) const {
  const int64_t row = this->row();
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
                                              int64_t plane) const {
  const bool won = dz.winners != nullptr;
  const Extent2d image = won ? half(shape_.output) : shape_.output;
  for_each_strip(columns_, tiles_, [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
    for (int64_t t = 0; t < of_strip; ++t) {
      const TilePlace of_tile = place.next(t);
      const ImageTile at = output_tile(shape_, lanes_of(image), of_tile, columns_.of(tile + t));
      const LaneImages from = dz.from(of_tile.image * dz.block + first * plane_floats(image));
      const TileCoefficients to{m + term(tile + t), plane, row()};
      if (won) {
        winograd_transform_output_gradient(at, filters, ArgmaxPixels{from.data, from.winners}, to);
      } else {
        winograd_transform_output_gradient(at, filters, from.data, to);
      }
    }
  });
}

void WinogradGradientTiles::transform_filter_panels(int64_t first, int64_t filters, const LaneImages& dz, float* m,
                                                    int64_t plane, float* transposed) const {
  for (int64_t f = 0; f < filters; f += kTransformImages, m += kTransformImages * depth()) {
    const int64_t count = std::min(kTransformImages, filters - f);
    for_each_strip(columns_, tiles_, [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
      for (int64_t t = 0; t < of_strip; ++t) {
        transform_transposed(place.next(t), columns_.of(tile + t), first + f, count, dz, transposed,
                             {m + term(tile + t) * kPanelColumns, plane, kPanelColumns});
      }
    });
  }
}

void WinogradGradientTiles::transform_channel_panel(const SectionChannels& some, const LaneImages& x, float* v,
                                                    int64_t plane, float* transposed) const {
  const int64_t image = plane_floats(shape_.input);
  for_each_strip(columns_, tiles_, [&](int64_t tile, const TilePlace& place, int64_t of_strip) {
    for (int64_t t = 0; t < of_strip; ++t) {
      const TilePlace of_tile = place.next(t);
      const int64_t samples = columns_.of(tile + t);
      const ImageTile at = input_tile(shape_, lanes_of(shape_.input), some.tap, of_tile, 1, samples);
      const InputLine rows(at.row, at.step.height, points_of(at.form.height), shape_.input.height);
      const InputLine columns(at.column, at.step.width, points_of(at.form.width), shape_.input.width);
      const PixelArea area{some.count,
                           image,
                           at.step.height * shape_.input.width * kLanes,
                           at.step.width * kLanes,
                           {rows.count, columns.count}};
      const float* const from = x.data + of_tile.image * x.block + some.channel * image;
      transpose_pixels(area, from + (rows.pixel * shape_.input.width + columns.pixel) * kLanes, transposed);
      const ImageTile tile_of_area{
          transposed_vectors(area.pixels), -rows.outside, -columns.outside, 1, {1, 1}, at.form};
      winograd_transform_input(tile_of_area, samples, transposed,
                               {v + term(tile + t) * kPanelColumns, plane, kPanelColumns});
    }
  });
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
  const ImageTile tile{transposed_vectors(area.pixels), 0, 0, 1, {1, 1}, place.form};
  transpose_pixels(area, from.data, transposed);
  if (!won) return winograd_transform_output_gradient(tile, samples, transposed, m);
  auto* const winners = reinterpret_cast<ArgmaxTap*>(transposed + transposed_numbers(half(of_tile)));
  transpose_pixels(area, from.winners, winners);
  winograd_transform_output_gradient(tile, samples, ArgmaxPixels{transposed, winners}, m);
}

}  // namespace gradloom
