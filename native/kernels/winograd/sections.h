// How a window is cut into sections of a form of Winograd's (kernels/winograd/transforms.h), the last ones with fewer
// taps. Each is a convolution with stride 1 of the input, shifted by where it lies, and these add up: the channels of
// one section are followed by those of the next, D of them, and products sum over all. With a stride of s, taps s apart
// meet every s-th row (column) of the input, so that a section takes such taps: those of one of s phases of the window.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"
#include "kernels/window2d.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// The taps of a convolution along one axis, `step` apart from `first` on in the window of its weights. Its outputs lie
// `stride` inputs apart.
struct TapLine {
  int64_t count;
  int64_t stride = 1;
  int64_t first = 0;
  int64_t step = 1;

  // Some taps, counted from 0: from `first` on, a stride apart.
  struct Section {
    int64_t first;
    int64_t count;
  };
  // Calls visit(Section) for all, of at most so many taps each. Tiles do so one by one: it takes no division.
  template <class Visit>
  void for_each_section(int64_t taps, Visit visit) const {
    for (int64_t phase = 0; phase < std::min(stride, count); ++phase) {
      for (int64_t first = phase; first < count; first += taps * stride) {
        const int64_t rest = count - first;
        visit(Section{first, rest > (taps - 1) * stride ? taps : ceil_divide(rest, stride)});
      }
    }
  }
  int64_t sections(int64_t taps) const {
    int64_t total = 0;
    for_each_section(taps, [&](const Section&) { ++total; });
    return total;
  }
  Section section(int64_t index, int64_t taps) const {
    Section found{};
    for_each_section(taps, [&](const Section& section) {
      if (index-- == 0) found = section;
    });
    return found;
  }
};

// Some channels of one section: number `channel` on, of D number `place` on.
struct SectionChannels {
  Extent2d tap;   // the section's first, counted among those of the convolution
  Extent2d taps;  // how many it has
  int64_t place;
  int64_t channel;
  int64_t count;
};

struct WinogradSections {
  WinogradForm form;
  TapLine rows;
  TapLine columns;
  int64_t channels;

  int64_t across() const { return columns.sections(form.window().width); }
  int64_t count() const { return rows.sections(form.window().height) * across(); }
  int64_t all_channels() const { return count() * channels; }

  // Calls visit(SectionChannels) for those of D in [first, first + count), at most `most` at a time.
  template <class Visit>
  void for_each(int64_t first, int64_t count, int64_t most, Visit visit) const {
    const auto [height, width] = form.window();
    for (int64_t place = first, some = 0; place < first + count; place += some) {
      const int64_t section = place / channels;
      const int64_t channel = place % channels;
      some = std::min({most, channels - channel, first + count - place});
      const TapLine::Section row = rows.section(section / across(), height);
      const TapLine::Section column = columns.section(section % across(), width);
      visit(SectionChannels{{row.first, column.first}, {row.count, column.count}, place, channel, some});
    }
  }
  // Section by section.
  template <class Visit>
  void for_each(Visit visit) const {
    int64_t place = 0;
    rows.for_each_section(form.window().height, [&](const TapLine::Section& row) {
      columns.for_each_section(form.window().width, [&](const TapLine::Section& column) {
        visit(SectionChannels{{row.first, column.first}, {row.count, column.count}, place, 0, channels});
        place += channels;
      });
    });
  }

  // Of weights of which matrices of a tap lie `tap` floats apart, and those of the window's rows `tap_row`.
  template <class Float>
  WeightTaps<Float> taps_of(const SectionChannels& of, const WeightTaps<Float>& window) const {
    return {window.data + (rows.first + of.tap.height * rows.step) * window.tap_row +
                (columns.first + of.tap.width * columns.step) * window.tap,
            window.tap_row * rows.step * rows.stride, window.tap * columns.step * columns.stride, window.row, of.taps};
  }
};

// Of all taps of a window.
inline WinogradSections winograd_sections(const Window2d& window, int64_t channels) {
  return {winograd_form(window),
          {window.window.height, window.stride.height},
          {window.window.width, window.stride.width},
          channels};
}

}  // namespace gradloom
