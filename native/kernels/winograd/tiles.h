// How the output of a convolution by Winograd is cut into tiles (kernels/winograd/transforms.h). With dilation, rows
// d apart see input rows of their own, and so do columns: the convolution of each such part is one without dilation. So
// the rows and columns of a tile lie a dilation apart, and those in between belong to other tiles.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/window2d.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// Of a window of more than one tap: F(2, 5) for 5x5, 1x5 and 5x1 with strides of 1, else F(4, 3), of sections of three
// taps.
inline WinogradForm winograd_form(const Window2d& window) {
  const auto& [height, width] = window.window;
  const bool five =
      !window.strided() && std::max(height, width) == 5 && (height == width || std::min(height, width) == 1);
  const auto of_axis = [&](int64_t taps) {
    return taps == 1 ? WinogradAxis::kNone : five ? WinogradAxis::kF25 : WinogradAxis::kF43;
  };
  return {of_axis(height), of_axis(width)};
}

// Along an axis with one tap there is none.
inline Extent2d winograd_dilation(const Window2d& window) {
  return {window.window.height == 1 ? 1 : window.dilation.height, window.window.width == 1 ? 1 : window.dilation.width};
}

// The tiles along one axis: those of the pixels 0, d, 2d.., then those of 1, 1 + d.. and so on. Each such part has
// whole tiles and, where some outputs are left, one at the edge: of F(4, 3) for as many as any part has left.
class AxisTiles {
 public:
  // Of `size` pixels, of which those from `kept` on are left out: none, or the last one of an odd number.
  AxisTiles(int64_t size, int64_t kept, int64_t dilation, WinogradAxis axis);

  // Of one kind: their axis, how many there are, and side by side at most.
  struct Kind {
    WinogradAxis axis;
    int64_t count;
    int64_t beside;
  };
  const Kind& whole() const { return whole_; }
  const Kind& edge() const { return edge_; }
  int64_t count() const { return whole_.count + edge_.count; }
  // Of all tiles.
  int64_t points() const { return whole_.count * points_of(whole_.axis) + edge_.count * points_of(edge_.axis); }

  // Where a tile begins, and how many follow side by side, with itself.
  struct Place {
    int64_t pixel;
    int64_t beside;
  };
  Place whole_place(int64_t index) const;
  int64_t apart() const { return length_; }
  int64_t edge_pixel(int64_t index) const;

 private:
  // Parts of as many pixels each.
  struct Parts {
    int64_t count;
    int64_t whole;  // tiles of each
    bool edge;
  };

  int64_t length_;  // pixels from tile to tile of a part
  Parts longer_;    // the first ones, of a pixel more
  Parts others_;
  Kind whole_;
  Kind edge_;
};

// A tile among those of several images.
struct TilePlace {
  int64_t image;
  int64_t row;  // of its first pixel
  int64_t column;
  WinogradForm form;
  int64_t beside;  // this one and those that follow at its right, each of which shares columns of the input
  int64_t apart;   // columns from one of these to the next

  // That which follows, so many tiles from here.
  TilePlace next(int64_t tiles) const { return {image, row, column + tiles * apart, form, beside - tiles, apart}; }
};

// Of a sequence.
struct TileRange {
  int64_t first;
  int64_t count;

  int64_t end() const { return first + count; }
  // What lies in both.
  TileRange within(const TileRange& other) const;
};

// The tiles of some images, in the order of their kinds: whole ones at the right edge, inside, at the bottom, in the
// corner. So those that have a coefficient follow each other: at an edge there are fewer (WinogradAxis).
class WinogradTiles {
 public:
  WinogradTiles(const Extent2d& output, const Extent2d& dilation, WinogradForm form, int64_t images = 1)
      : WinogradTiles(output, output, dilation, form, images) {}
  // Of the pixels within `kept` alone, by tiles as there are of all: pixels have the same bits.
  WinogradTiles(const Extent2d& output, const Extent2d& kept, const Extent2d& dilation, WinogradForm form,
                int64_t images);

  int64_t count() const { return count_; }
  // Of a channel and filter in all tiles.
  int64_t products() const { return images_ * rows_.points() * columns_.points(); }

  TilePlace place(int64_t index) const;
  // Calls visit(form, count, beside) for each kind, of which so many lie side by side in a row.
  template <class Visit>
  void for_each_kind(Visit visit) const {
    for (const AxisTiles::Kind& row : {rows_.whole(), rows_.edge()}) {
      for (const AxisTiles::Kind& column : {columns_.whole(), columns_.edge()}) {
        visit(WinogradForm{row.axis, column.axis}, images_ * row.count * column.count, column.beside);
      }
    }
  }
  // Those with coefficient `index` of a whole tile.
  TileRange with_coefficient(int64_t index) const;

 private:
  WinogradForm form_;
  int64_t images_;
  AxisTiles rows_;
  AxisTiles columns_;
  int64_t count_;
};

}  // namespace gradloom
