#include "kernels/conv2d/input_phase.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// (input position, output position, tap) that meet, in order.
using Meeting = std::tuple<int64_t, int64_t, int64_t>;

std::vector<Meeting> meetings_by_definition(const WindowAxis& axis) {
  std::vector<Meeting> meetings;
  for (int64_t o = 0; o < axis.output; ++o) {
    for (int64_t r = 0; r < axis.window; ++r) {
      const int64_t i = o * axis.stride + r * axis.dilation - axis.before;
      if (i >= 0 && i < axis.input) meetings.emplace_back(i, o, r);
    }
  }
  std::sort(meetings.begin(), meetings.end());
  return meetings;
}

}  // namespace

TEST_CASE("input_phase: phases are all input positions, and meet every output and tap once, over 2,000 axes") {
  RandomData random(301);
  for (int i = 0; i < 2000; ++i) {
    CAPTURE(i);
    const WindowAxis axis{.input = random.integer(1, 12),
                          .output = random.integer(1, 8),
                          .window = random.integer(1, 5),
                          .stride = random.integer(1, 6),
                          .dilation = random.integer(1, 6),
                          .before = random.integer(0, 9)};
    const PhasePadding padding = phase_padding(axis);
    std::vector<Meeting> meetings;
    int64_t positions = 0;
    int64_t before = 0;
    int64_t behind = 0;
    for (int64_t p = 0; p < axis.stride; ++p) {
      const InputPhase phase = input_phase(axis, p);
      positions += phase.count;
      for (int64_t m = 0; m < phase.count; ++m) {
        for (int64_t v = 0; v < phase.taps; ++v) {
          const int64_t output = phase.start + m + v * phase.dilation;
          before = std::max(before, -output);
          behind = std::max(behind, output - (axis.output - 1));
          if (output < 0 || output >= axis.output) continue;
          meetings.emplace_back(phase.first + m * axis.stride, output, phase.last_tap - v * phase.tap_step);
        }
      }
    }
    std::sort(meetings.begin(), meetings.end());
    CHECK(positions == axis.input);
    CHECK(meetings == meetings_by_definition(axis));
    CHECK(padding.before == before);
    CHECK(padding.behind == behind);
  }
}
