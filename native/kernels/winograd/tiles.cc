#include "kernels/winograd/tiles.h"

#include <algorithm>

#include "common/checked.h"

namespace gradloom {

AxisTiles::AxisTiles(int64_t size, int64_t kept, int64_t dilation, WinogradAxis axis)
    : length_(tile_of(axis) * dilation) {
  const int64_t tile = tile_of(axis);
  const int64_t longer = size % dilation;
  const int64_t pixels = size / dilation;
  const bool small_edges = edge_of(axis, 1) != axis;
  int64_t most_left = 0;
  const auto parts = [&](int64_t count, int64_t of_part) {
    if (count == 0) return Parts{0, 0, false};
    const int64_t left = of_part % tile;
    const int64_t of_kept = of_part - (size - kept);
    if (!small_edges) return Parts{count, ceil_divide(of_kept, tile), false};
    most_left = std::max(most_left, left);
    return Parts{count, of_kept / tile, of_kept % tile > 0};
  };
  longer_ = parts(longer, pixels + 1);
  others_ = parts(dilation - longer, pixels);
  whole_ = {axis, longer_.count * longer_.whole + others_.count * others_.whole,
            std::max(longer_.whole, others_.whole)};
  edge_ = {edge_of(axis, most_left), longer_.count * longer_.edge + others_.count * others_.edge, 1};
}

AxisTiles::Place AxisTiles::whole_place(int64_t index) const {
  const int64_t of_longer = longer_.count * longer_.whole;
  const bool longer = index < of_longer;
  const Parts& parts = longer ? longer_ : others_;
  const int64_t rest = longer ? index : index - of_longer;
  const int64_t in_part = rest % parts.whole;
  return {(longer ? 0 : longer_.count) + rest / parts.whole + in_part * length_, parts.whole - in_part};
}

int64_t AxisTiles::edge_pixel(int64_t index) const {
  const int64_t part = longer_.edge ? index : longer_.count + index;
  return part + (part < longer_.count ? longer_ : others_).whole * length_;
}

TileRange TileRange::within(const TileRange& other) const {
  const int64_t begin = std::max(first, other.first);
  return {begin, std::max<int64_t>(0, std::min(end(), other.end()) - begin)};
}

WinogradTiles::WinogradTiles(const Extent2d& output, const Extent2d& kept, const Extent2d& dilation, WinogradForm form,
                             int64_t images)
    : form_(form),
      images_(images),
      rows_(output.height, kept.height, dilation.height, form.height),
      columns_(output.width, kept.width, dilation.width, form.width),
      count_(images * rows_.count() * columns_.count()) {}

TilePlace WinogradTiles::place(int64_t index) const {
  const int64_t of_whole_rows = images_ * rows_.whole().count * columns_.count();
  const bool whole_row = index < of_whole_rows;
  const AxisTiles::Kind& row_kind = whole_row ? rows_.whole() : rows_.edge();
  int64_t rest = whole_row ? index : index - of_whole_rows;
  // Columns at the edge first, and behind the rows at the edge last.
  const AxisTiles::Kind& first_kind = whole_row ? columns_.edge() : columns_.whole();
  const int64_t of_first = images_ * row_kind.count * first_kind.count;
  const bool whole_column = whole_row != (rest < of_first);
  if (rest >= of_first) rest -= of_first;
  const AxisTiles::Kind& column_kind = whole_column ? columns_.whole() : columns_.edge();
  const int64_t of_image = row_kind.count * column_kind.count;
  const int64_t row = rest % of_image / column_kind.count;
  const int64_t column = rest % column_kind.count;
  const AxisTiles::Place at =
      whole_column ? columns_.whole_place(column) : AxisTiles::Place{columns_.edge_pixel(column), 1};
  return {rest / of_image, whole_row ? rows_.whole_place(row).pixel : rows_.edge_pixel(row),
          at.pixel,        {row_kind.axis, column_kind.axis},
          at.beside,       columns_.apart()};
}

TileRange WinogradTiles::with_coefficient(int64_t index) const {
  const bool in_edge_rows = has_point(rows_.edge().axis, form_.height_point(index));
  const bool in_edge_columns = has_point(columns_.edge().axis, form_.width_point(index));
  const int64_t right = images_ * rows_.whole().count * columns_.edge().count;
  const int64_t whole_rows = images_ * rows_.whole().count * columns_.count();
  const int64_t but_corner = whole_rows + images_ * rows_.edge().count * columns_.whole().count;
  const int64_t first = in_edge_columns ? 0 : right;
  const int64_t end = !in_edge_rows ? whole_rows : in_edge_columns ? count() : but_corner;
  return {first, end - first};
}

}  // namespace gradloom
