// The gradient of the input of a strided convolution, along one axis. Input positions a stride apart meet the same
// taps: they are a phase, and their gradient is a convolution of the gradient of the output with those taps flipped,
// at stride 1. A stride of s has s phases, and none of them multiplies zeros that the stride leaves between outputs.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom {

// Input positions first + m * stride for m < count. Position m has the gradient of the outputs start + m + v *
// dilation, which may be negative or beyond the last, times that of the taps last_tap - v * tap_step, for v < taps,
// which may be 0.
struct InputPhase {
  int64_t first;
  int64_t count;
  int64_t taps;
  int64_t last_tap;
  int64_t tap_step;
  int64_t start;
  int64_t dilation;
};
InputPhase input_phase(const WindowAxis& axis, int64_t phase);

// How many of an axis' phases have an input position.
inline int64_t phases_of(const WindowAxis& axis) { return std::min(axis.stride, axis.input); }

// Calls visit(rows' phase, columns' phase) for all of these.
template <class Visit>
void for_each_input_phase(const Window2d& window, Visit visit) {
  const WindowAxis rows = rows_of(window);
  const WindowAxis columns = columns_of(window);
  for (int64_t i = 0; i < phases_of(rows) * phases_of(columns); ++i) {
    visit(input_phase(rows, i / phases_of(columns)), input_phase(columns, i % phases_of(columns)));
  }
}

// What the convolution of two axes' phases multiplies by: tap (i, j) of its window is tap last - (i, j) step of
// `window`.
struct FlippedTaps {
  Extent2d window;
  Extent2d last;
  Extent2d step;
};
inline FlippedTaps flipped_taps(const Extent2d& window, const InputPhase& row, const InputPhase& column) {
  return {window, {row.last_tap, column.last_tap}, {row.tap_step, column.tap_step}};
}

// How many outputs before the first and behind the last one all phases see, which count as zero.
struct PhasePadding {
  int64_t before;
  int64_t behind;
};
PhasePadding phase_padding(const WindowAxis& axis);

}  // namespace gradloom
