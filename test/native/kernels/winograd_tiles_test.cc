#include "kernels/winograd_tiles.h"

#include <doctest/doctest.h>

#include <vector>

#include "kernels/winograd_sections.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// Both axes alike, or one alone.
WinogradForm random_form(RandomData& random) {
  using enum WinogradAxis;
  return random.pick<WinogradForm>(
      {{kF43, kF43}, {kF25, kF25}, {kNone, kF43}, {kF43, kNone}, {kNone, kF25}, {kF25, kNone}});
}

}  // namespace

TEST_CASE("winograd tiles: every pixel of every image lies in one tile, and no tile is empty") {
  RandomData random(86);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    const WinogradTiles tiles{{random.integer(1, 40), random.integer(1, 40)},
                              {random.integer(1, 6), random.pick({1, 2, 3, 5, 50})},
                              random_form(random)};
    constexpr int64_t kImages = 2;
    std::vector<int> found(static_cast<size_t>(kImages * tiles.output.height * tiles.output.width));
    for (int64_t index = 0; index < kImages * tiles.count(); ++index) {
      const TilePlace place = tiles.place(index);
      REQUIRE(place.image == index / tiles.count());
      CHECK((place.row < tiles.output.height && place.column < tiles.output.width));
      for (int64_t r = 0; r < tiles.form.tile().height; ++r) {
        for (int64_t c = 0; c < tiles.form.tile().width; ++c) {
          const int64_t row = place.row + r * tiles.dilation.height;
          const int64_t column = place.column + c * tiles.dilation.width;
          if (row >= tiles.output.height || column >= tiles.output.width) continue;
          ++found[static_cast<size_t>((place.image * tiles.output.height + row) * tiles.output.width + column)];
        }
      }
    }
    CHECK(found == std::vector<int>(found.size(), 1));
  }
}

TEST_CASE("winograd sections: every tap lies in one, among those a stride apart") {
  RandomData random(88);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    const WinogradForm form = random_form(random);
    const auto line = [&](WinogradAxis axis) {
      if (axis == WinogradAxis::kNone) return TapLine{1};
      const int64_t count = random.integer(1, 12);
      return TapLine{count, random.integer(1, count), random.integer(0, 2), random.integer(1, 3)};
    };
    const WinogradSections sections{form, line(form.height), line(form.width), random.integer(1, 9)};
    // A window of one channel each, whose floats count how often they are reached.
    const Extent2d window{sections.rows.first + sections.rows.count * sections.rows.step,
                          sections.columns.first + sections.columns.count * sections.columns.step};
    std::vector<float> found(static_cast<size_t>(window.height * window.width), 0.0F);
    int64_t next = 0;
    sections.for_each([&](const SectionChannels& section) {
      CHECK(section.place == next);
      CHECK(section.count == sections.channels);
      next += section.count;
      const WeightTaps<float> taps =
          sections.taps_of<float>(section, {found.data(), window.width, 1, window.height * window.width, window});
      CHECK((taps.taps.height >= 1 && taps.taps.height <= form.window().height));
      CHECK((taps.taps.width >= 1 && taps.taps.width <= form.window().width));
      const int64_t first = (sections.rows.first + section.tap.height * sections.rows.step) * window.width +
                            sections.columns.first + section.tap.width * sections.columns.step;
      for (int64_t r = 0; r < taps.taps.height; ++r) {
        for (int64_t s = 0; s < taps.taps.width; ++s) {
          float* const tap = taps.data + r * taps.tap_row + s * taps.tap;
          const int64_t apart = r * sections.rows.step * sections.rows.stride * window.width +
                                s * sections.columns.step * sections.columns.stride;
          REQUIRE(tap - found.data() == first + apart);
          ++*tap;
        }
      }
    });
    CHECK(next == sections.all_channels());
    std::vector<float> expected(found.size(), 0.0F);
    for (int64_t r = 0; r < sections.rows.count; ++r) {
      for (int64_t s = 0; s < sections.columns.count; ++s) {
        const int64_t row = sections.rows.first + r * sections.rows.step;
        const int64_t column = sections.columns.first + s * sections.columns.step;
        expected[static_cast<size_t>(row * window.width + column)] = 1;
      }
    }
    CHECK(found == expected);
  }
}

TEST_CASE("winograd tiles: neighbours side by side follow each other") {
  RandomData random(87);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    const WinogradTiles tiles{{random.integer(1, 20), random.integer(1, 60)},
                              {random.integer(1, 3), random.integer(1, 4)},
                              random_form(random)};
    for (int64_t index = 0; index < tiles.count();) {
      const TilePlace place = tiles.place(index);
      const int64_t beside = tiles.side_by_side(place);
      for (int64_t tile = 0; tile < beside; ++tile, ++index) {
        const TilePlace next = tiles.place(index);
        const TilePlace expected = tiles.beside(place, tile);
        CHECK(next.row == expected.row);
        CHECK(next.column == expected.column);
        CHECK(next.column == place.column + tile * tiles.form.tile().width * tiles.dilation.width);
      }
      // The next one would begin outside of the image.
      CHECK(place.column + beside * tiles.form.tile().width * tiles.dilation.width >= tiles.output.width);
    }
  }
}

TEST_CASE("winograd tiles: without dilation row by row, with it the rows and columns of a part one after another") {
  const auto columns = [](int64_t width, int64_t dilation) {
    const WinogradTiles tiles{{4, width}, {1, dilation}, WinogradForm::kF4x3};
    std::vector<int64_t> result;
    for (int64_t index = 0; index < tiles.count(); ++index) result.push_back(tiles.place(index).column);
    return result;
  };
  CHECK(columns(9, 1) == std::vector<int64_t>{0, 4, 8});
  CHECK(columns(16, 2) == std::vector<int64_t>{0, 8, 1, 9});
  CHECK(columns(9, 2) == std::vector<int64_t>{0, 8, 1});
  CHECK(columns(10, 2) == std::vector<int64_t>{0, 8, 1, 9});
  CHECK(columns(2, 5) == std::vector<int64_t>{0, 1});
}
