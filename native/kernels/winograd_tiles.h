// How the output of a convolution by Winograd is cut into tiles (kernels/winograd.h). With dilation, rows
// d apart see input rows of their own, and so do columns: the convolution of each such part is one without dilation. So
// the rows and columns of a tile lie a dilation apart, and those in between belong to other tiles.
#pragma once

#include <cstdint>

#include "kernels/window2d.h"
#include "kernels/winograd.h"

namespace gradloom {

// Of a window of 3x3, 5x5, 1x3, 3x1, 1x5 or 5x1 taps.
inline WinogradForm winograd_form(const Window2d& window) {
  const auto of_axis = [](int64_t taps) {
    return taps == 1 ? WinogradAxis::kNone : taps == 3 ? WinogradAxis::kF4x3 : WinogradAxis::kF2x5;
  };
  return {of_axis(window.window.height), of_axis(window.window.width)};
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
