#include "common/shape.h"

#include <doctest/doctest.h>

#include "support/specs.h"

using namespace gradloom;
using test::contains;
using test::error_of;

TEST_CASE("Shape: dimensions, size and text") {
  const Shape image{28, 20, 3};
  CHECK(image.rank() == 3);
  CHECK(image[0] == 28);
  CHECK(image[1] == 20);
  CHECK(image.back() == 3);
  CHECK(image.size() == 28 * 20 * 3);
  CHECK(image.to_string() == "[28, 20, 3]");
  CHECK(std::vector<int64_t>(image.begin(), image.end()) == std::vector<int64_t>{28, 20, 3});

  CHECK(Shape().size() == 1);
  CHECK(Shape().to_string() == "[]");
  CHECK(image == Shape(std::vector<int64_t>{28, 20, 3}));
  CHECK_FALSE(image == Shape{28, 20});
  CHECK_FALSE(image == Shape{28, 20, 4});
}

TEST_CASE("Shape: what is refused") {
  CHECK(contains(error_of([] { Shape({1, 2, 3, 4, 5}); }), "SHAPE_MISMATCH: a shape has 5 dimensions; at most 4"));
  CHECK(contains(error_of([] { Shape({3, 0}); }), "SHAPE_MISMATCH: dimension 1 of a shape is 0"));
  CHECK(contains(error_of([] { Shape({-3}); }), "SHAPE_MISMATCH: dimension 0 of a shape is -3"));
  for (const int64_t side : {int64_t{1} << 31, int64_t{1} << 32, int64_t{1} << 53, INT64_MAX}) {
    CAPTURE(side);
    CHECK(contains(error_of([&] { Shape({side, side}); }), "SHAPE_TOO_LARGE"));
    CHECK(contains(error_of([&] { Shape({side, side, side, side}); }), "SHAPE_TOO_LARGE"));
  }
  CHECK(error_of([] { Shape({int64_t{1} << 24, int64_t{1} << 24}); }).empty());
  CHECK(contains(error_of([] { Shape({int64_t{1} << 24, int64_t{1} << 24, 2}); }), "SHAPE_TOO_LARGE"));
}
