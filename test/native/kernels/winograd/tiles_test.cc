#include "kernels/winograd/tiles.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/winograd/conv2d.h"
#include "kernels/winograd/sections.h"
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

// Where it is and what it makes.
std::vector<int64_t> numbers(const TilePlace& place) {
  return {place.image, place.row, place.column, place.form.tile().height, place.form.tile().width};
}

}  // namespace

TEST_CASE("winograd tiles: every pixel of every image lies in one tile, which makes no others") {
  RandomData random(86);
  for (int i = 0; i < 1000; ++i) {
    CAPTURE(i);
    const Extent2d output{random.integer(1, 40), random.integer(1, 40)};
    // Without the last ones of odd numbers of pixels, as a pooling takes them.
    const bool pools = random.integer(0, 3) == 0;
    const auto kept_of = [&](int64_t size) { return pools && size > 1 ? size / 2 * 2 : size; };
    const Extent2d kept{kept_of(output.height), kept_of(output.width)};
    const Extent2d dilation = pools ? Extent2d{1, 1} : Extent2d{random.integer(1, 6), random.pick({1, 2, 3, 5, 50})};
    const WinogradForm form = random_form(random);
    const int64_t images = random.integer(1, 3);
    const WinogradTiles tiles(output, kept, dilation, form, images);
    const WinogradTiles of_all(output, dilation, form, images);
    std::vector<int> found(static_cast<size_t>(images * kept.height * kept.width));
    int64_t products = 0;
    for (int64_t index = 0; index < tiles.count(); ++index) {
      const TilePlace place = tiles.place(index);
      products += place.form.coefficients();
      CHECK((place.row < kept.height && place.column < kept.width));
      const auto [height, width] = place.form.tile();
      bool fills_rows = false;
      bool fills_columns = false;
      for (int64_t r = 0; r < height; ++r) {
        for (int64_t c = 0; c < width; ++c) {
          const int64_t row = place.row + r * dilation.height;
          const int64_t column = place.column + c * dilation.width;
          if (row >= output.height || column >= output.width) continue;
          if (row < kept.height && column < kept.width) {
            ++found[static_cast<size_t>((place.image * kept.height + row) * kept.width + column)];
          }
          fills_rows = fills_rows || r == height - 1;
          fills_columns = fills_columns || c == width - 1;
        }
      }
      // Parts of a dilation may differ by one pixel.
      const auto fills = [](WinogradAxis of_tile, WinogradAxis axis, int64_t apart) {
        return axis != WinogradAxis::kF25 && (apart == 1 || of_tile == axis);
      };
      if (fills(place.form.height, form.height, dilation.height)) CHECK(fills_rows);
      if (fills(place.form.width, form.width, dilation.width)) CHECK(fills_columns);
    }
    CHECK(found == std::vector<int>(found.size(), 1));
    CHECK(products == tiles.products());
    // Each is one of those of all pixels.
    std::vector<std::vector<int64_t>> places;
    for (int64_t index = 0; index < of_all.count(); ++index) places.push_back(numbers(of_all.place(index)));
    for (int64_t index = 0; index < tiles.count(); ++index) {
      CHECK(std::ranges::count(places, numbers(tiles.place(index))) == 1);
    }
    int64_t of_kinds = 0;
    tiles.for_each_kind([&](WinogradForm of_kind, int64_t count, int64_t beside) {
      of_kinds += count * of_kind.coefficients();
      int64_t most = 0;
      for (int64_t index = 0; index < tiles.count(); ++index) {
        const TilePlace place = tiles.place(index);
        if (place.form == of_kind) most = std::max(most, place.beside);
      }
      if (count > 0) CHECK(beside == most);
    });
    CHECK(products == of_kinds);
  }
}

TEST_CASE("winograd tiles: those that have a coefficient follow each other") {
  RandomData random(89);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    const WinogradForm form = random_form(random);
    const WinogradTiles tiles({random.integer(1, 20), random.integer(1, 20)},
                              {random.integer(1, 3), random.integer(1, 3)}, form, random.integer(1, 3));
    const int64_t row = form.width == WinogradAxis::kNone ? 1 : kWinogradPoints;
    for (int64_t e = 0; e < form.coefficients(); ++e) {
      const TileRange range = tiles.with_coefficient(e);
      for (int64_t index = 0; index < tiles.count(); ++index) {
        const WinogradForm of = tiles.place(index).form;
        const bool has = has_point(of.height, e / row) && has_point(of.width, e % row);
        CHECK(has == (index >= range.first && index < range.end()));
      }
    }
  }
}

TEST_CASE("tile columns: those in a range that have a coefficient, in ranges that do not follow each other") {
  RandomData random(90);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    const WinogradForm form = random_form(random);
    const Extent2d output{random.integer(1, 14), random.integer(1, 14)};
    WinogradShape shape{};
    shape.form = form;
    shape.output = shape.map = output;
    shape.dilation = {random.integer(1, 3), random.integer(1, 3)};
    const TileColumns columns(shape, random.integer(1, 50));
    const int64_t first = random.integer(0, columns.tiles() - 1);
    const TileRange some{first, random.integer(0, columns.tiles() - first)};
    for (int64_t e = 0; e < form.coefficients(); ++e) {
      std::vector<int64_t> expected;
      for (int64_t tile = some.first; tile < some.end(); ++tile) {
        const WinogradForm of = columns.place(tile).form;
        if (has_point(of.height, form.height_point(e)) && has_point(of.width, form.width_point(e))) {
          expected.push_back(tile);
        }
      }
      std::vector<int64_t> visited;
      columns.for_each_with(e, some, [&](const TileRange& range) {
        CHECK(range.count > 0);
        if (!visited.empty()) CHECK(visited.back() + 1 < range.first);
        for (int64_t tile = range.first; tile < range.end(); ++tile) visited.push_back(tile);
      });
      CHECK(visited == expected);
    }
  }
}

TEST_CASE("tile ranges: what lies in both") {
  const auto common = [](const TileRange& a, const TileRange& b) {
    const TileRange both = a.within(b);
    return std::vector<int64_t>{both.first, both.count};
  };
  CHECK(common({2, 5}, {4, 9}) == std::vector<int64_t>{4, 3});
  CHECK(common({4, 9}, {2, 5}) == std::vector<int64_t>{4, 3});
  CHECK(common({2, 5}, {3, 2}) == std::vector<int64_t>{3, 2});
  CHECK(common({2, 5}, {7, 2})[1] == 0);
  CHECK(common({2, 5}, {9, 2})[1] == 0);
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
    const Extent2d output{random.integer(1, 20), random.integer(1, 60)};
    const Extent2d dilation{random.integer(1, 3), random.integer(1, 4)};
    const WinogradForm form = random_form(random);
    const WinogradTiles tiles(output, dilation, form, random.integer(1, 2));
    for (int64_t index = 0; index < tiles.count();) {
      const TilePlace place = tiles.place(index);
      for (int64_t tile = 0; tile < place.beside; ++tile, ++index) {
        const TilePlace next = tiles.place(index);
        const TilePlace expected = place.next(tile);
        CHECK(next.image == expected.image);
        CHECK(next.row == expected.row);
        CHECK(next.column == expected.column);
        CHECK(next.form == expected.form);
        CHECK(next.beside == expected.beside);
        CHECK(next.column == place.column + tile * place.form.tile().width * dilation.width);
      }
      // The next one would begin outside of the image, or be one of fewer pixels.
      const int64_t behind = place.column + place.beside * place.form.tile().width * dilation.width;
      CHECK(behind + (place.form.tile().width - 1) * dilation.width >= output.width);
    }
  }
}

TEST_CASE("winograd tiles: those at the right edge first, at the bottom and in the corner last") {
  const auto in_order = [](const WinogradTiles& tiles) {
    std::vector<std::vector<int64_t>> result;
    for (int64_t index = 0; index < tiles.count(); ++index) result.push_back(numbers(tiles.place(index)));
    return result;
  };
  using Tiles = std::vector<std::vector<int64_t>>;
  const WinogradForm form = WinogradForm::kF4x3;
  CHECK(in_order({{7, 6}, {1, 1}, form, 2}) == Tiles{{0, 0, 4, 4, 2},
                                                     {1, 0, 4, 4, 2},
                                                     {0, 0, 0, 4, 4},
                                                     {1, 0, 0, 4, 4},
                                                     {0, 4, 0, 3, 4},
                                                     {1, 4, 0, 3, 4},
                                                     {0, 4, 4, 3, 2},
                                                     {1, 4, 4, 3, 2}});
  // Parts of 8 pixels, of 5 and 4, of 5; of 3 and 2.
  CHECK(in_order({{4, 16}, {1, 2}, form}) == Tiles{{0, 0, 0, 4, 4}, {0, 0, 8, 4, 4}, {0, 0, 1, 4, 4}, {0, 0, 9, 4, 4}});
  CHECK(in_order({{4, 9}, {1, 2}, form}) == Tiles{{0, 0, 8, 4, 1}, {0, 0, 0, 4, 4}, {0, 0, 1, 4, 4}});
  CHECK(in_order({{4, 10}, {1, 2}, form}) == Tiles{{0, 0, 8, 4, 1}, {0, 0, 9, 4, 1}, {0, 0, 0, 4, 4}, {0, 0, 1, 4, 4}});
  // Of 7x5 pixels, and 6x4 of them.
  CHECK(in_order({{7, 5}, {1, 1}, form}) == Tiles{{0, 0, 4, 4, 1}, {0, 0, 0, 4, 4}, {0, 4, 0, 3, 4}, {0, 4, 4, 3, 1}});
  CHECK(in_order({{7, 5}, {6, 4}, {1, 1}, form, 1}) == Tiles{{0, 0, 0, 4, 4}, {0, 4, 0, 3, 4}});
  CHECK(in_order({{3, 5}, {2, 4}, {1, 1}, WinogradForm::kF2x5, 1}) == Tiles{{0, 0, 0, 2, 2}, {0, 0, 2, 2, 2}});
  CHECK(in_order({{3, 2}, {1, 1}, WinogradForm::kF2x5}) == Tiles{{0, 0, 0, 2, 2}, {0, 2, 0, 2, 2}});
  CHECK(in_order({{5, 4}, {2, 1}, form}) == Tiles{{0, 0, 0, 3, 4}, {0, 1, 0, 3, 4}});
}
