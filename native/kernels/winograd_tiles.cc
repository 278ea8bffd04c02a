#include "kernels/winograd_tiles.h"

#include <algorithm>

#include "common/checked.h"

namespace gradloom {
namespace {

// The tiles along an axis: those of the pixels 0, d, 2d.., then those of 1, 1 + d.. and so on.
class AxisTiles {
 public:
  AxisTiles(int64_t size, int64_t dilation, WinogradAxis axis)
      : dilation_(dilation),
        length_(tile_of(axis) * dilation),
        fewest_(size / length_),
        longer_(std::min(size % length_, dilation)) {}

  int64_t count() const { return fewest_ * dilation_ + longer_; }

  int64_t first_pixel(int64_t index) const {
    const int64_t of_longer = longer_ * (fewest_ + 1);
    const bool longer = index < of_longer;
    const int64_t rest = longer ? index : index - of_longer;
    const int64_t tiles = longer ? fewest_ + 1 : fewest_;
    return (longer ? 0 : longer_) + rest / tiles + rest % tiles * length_;
  }

 private:
  int64_t dilation_;
  int64_t length_;  // pixels from tile to tile of a part
  int64_t fewest_;  // tiles of a part
  int64_t longer_;  // the first parts, which have one more
};

}  // namespace

int64_t WinogradTiles::count() const {
  return AxisTiles(output.height, dilation.height, form.height).count() *
         AxisTiles(output.width, dilation.width, form.width).count();
}

TilePlace WinogradTiles::place(int64_t index) const {
  const AxisTiles rows(output.height, dilation.height, form.height);
  const AxisTiles columns(output.width, dilation.width, form.width);
  const int64_t tile = index % (rows.count() * columns.count());
  return {index / (rows.count() * columns.count()), rows.first_pixel(tile / columns.count()),
          columns.first_pixel(tile % columns.count())};
}

int64_t WinogradTiles::side_by_side(const TilePlace& place) const {
  return ceil_divide(output.width - place.column, tile_of(form.width) * dilation.width);
}

TilePlace WinogradTiles::beside(const TilePlace& place, int64_t tile) const {
  return {place.image, place.row, place.column + tile * tile_of(form.width) * dilation.width};
}

}  // namespace gradloom
