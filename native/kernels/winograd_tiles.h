// How the output of a convolution by Winograd is cut into tiles (kernels/winograd.h). With dilation, rows
// d apart see input rows of their own, and so do columns: the convolution of each such part is one without dilation. So
// the rows and columns of a tile lie a dilation apart, and those in between belong to other tiles.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/window2d.h"
#include "kernels/winograd.h"

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

// A tile among those of several images: its image, and its first pixel.
struct TilePlace {
  int64_t image;
  int64_t row;
  int64_t column;
};

struct WinogradTiles {
  Extent2d output;
  Extent2d dilation;
  WinogradForm form = WinogradForm::kF4x3;

  // Of an image.
  int64_t count() const;
  // `index` counts on from image to image, and within a row of tiles from neighbour to neighbour.
  TilePlace place(int64_t index) const;
  // This tile and those at its right, each of which shares columns of the input with the one before.
  int64_t side_by_side(const TilePlace& place) const;
  // That of them which is number `tile`.
  TilePlace beside(const TilePlace& place, int64_t tile) const;
};

}  // namespace gradloom
