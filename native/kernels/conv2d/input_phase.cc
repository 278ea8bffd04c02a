#include "kernels/conv2d/input_phase.h"

#include <algorithm>
#include <numeric>

#include "common/checked.h"

namespace gradloom {

InputPhase input_phase(const WindowAxis& axis, int64_t phase) {
  // Tap r of output o lies on the phase where o * stride + r * dilation = phase + before + m * stride.
  const int64_t common = std::gcd(axis.stride, axis.dilation);
  InputPhase result{};
  result.first = phase;
  result.count = phase < axis.input ? ceil_divide(axis.input - phase, axis.stride) : 0;
  result.tap_step = axis.stride / common;
  result.dilation = axis.dilation / common;
  for (int64_t tap = 0; tap < std::min(result.tap_step, axis.window); ++tap) {
    const int64_t reach = phase + axis.before - tap * axis.dilation;
    if (reach % axis.stride != 0) continue;
    result.taps = ceil_divide(axis.window - tap, result.tap_step);
    result.last_tap = tap + (result.taps - 1) * result.tap_step;
    result.start = reach / axis.stride - (result.taps - 1) * result.dilation;
  }
  return result;
}

PhasePadding phase_padding(const WindowAxis& axis) {
  PhasePadding padding{};
  for (int64_t i = 0; i < phases_of(axis); ++i) {
    const InputPhase phase = input_phase(axis, i);
    if (phase.taps == 0) continue;
    const int64_t last = phase.start + (phase.taps - 1) * phase.dilation + phase.count - 1;
    padding.before = std::max(padding.before, -phase.start);
    padding.behind = std::max(padding.behind, last - (axis.output - 1));
  }
  return padding;
}

}  // namespace gradloom
