// How windows larger than those of a form of Winograd's (kernels/winograd.h) are cut into sections of its size, the
// last ones with fewer taps. Each is a convolution of the input, shifted by where it lies, and these add up: the
// channels of one section are followed by those of the next, D of them, and products sum over all.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"
#include "kernels/window2d.h"
#include "kernels/winograd.h"

namespace gradloom {

// Some channels of one section: number `channel` on, of D number `place` on.
struct SectionChannels {
  Extent2d tap;   // of the window, the section's first
  Extent2d taps;  // how many it has
  int64_t place;
  int64_t channel;
  int64_t count;
};

struct WinogradSections {
  WinogradForm form;
  Extent2d window;
  int64_t channels;

  int64_t across() const { return ceil_divide(window.width, form.window().width); }
  int64_t count() const { return ceil_divide(window.height, form.window().height) * across(); }
  int64_t all_channels() const { return count() * channels; }

  // Calls visit(SectionChannels) for those of D in [first, first + count), at most `most` at a time.
  template <class Visit>
  void for_each(int64_t first, int64_t count, int64_t most, Visit visit) const {
    const auto [height, width] = form.window();
    for (int64_t place = first, some = 0; place < first + count; place += some) {
      const int64_t section = place / channels;
      const int64_t channel = place % channels;
      some = std::min({most, channels - channel, first + count - place});
      const Extent2d tap{section / across() * height, section % across() * width};
      const Extent2d taps{std::min(height, window.height - tap.height), std::min(width, window.width - tap.width)};
      visit(SectionChannels{tap, taps, place, channel, some});
    }
  }
  // Section by section.
  template <class Visit>
  void for_each(Visit visit) const {
    for_each(0, all_channels(), channels, visit);
  }
};

}  // namespace gradloom
