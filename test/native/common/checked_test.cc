#include "common/checked.h"

#include <doctest/doctest.h>

#include <limits>

#include "support/specs.h"

using namespace gradloom;

TEST_CASE("checked_multiply: products up to 2^48 elements, nothing beyond") {
  CHECK(checked_multiply(0, 5) == 0);
  CHECK(checked_multiply(7, 6) == 42);
  CHECK(checked_multiply(kMaxElements, 1) == kMaxElements);
  CHECK(checked_multiply(int64_t{1} << 24, int64_t{1} << 24) == kMaxElements);
  CHECK(checked_multiply(0, std::numeric_limits<int64_t>::max()) == 0);

  const int64_t sides[] = {int64_t{1} << 31, int64_t{1} << 32, int64_t{1} << 53, std::numeric_limits<int64_t>::max()};
  for (const int64_t a : sides) {
    for (const int64_t b : sides) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK(test::contains(test::error_of([&] { checked_multiply(a, b); }), "SHAPE_TOO_LARGE: "));
    }
  }
  CHECK(test::contains(test::error_of([] { checked_multiply(kMaxElements, 2); }), "SHAPE_TOO_LARGE"));
  CHECK(test::contains(test::error_of([] { checked_multiply(-1, 2); }), "SHAPE_TOO_LARGE"));
  CHECK(test::contains(test::error_of([] { checked_multiply(2, -1); }), "SHAPE_TOO_LARGE"));
}

TEST_CASE("ceil_divide and round_up") {
  CHECK(ceil_divide(0, 4) == 0);
  CHECK(ceil_divide(1, 4) == 1);
  CHECK(ceil_divide(4, 4) == 1);
  CHECK(ceil_divide(5, 4) == 2);
  CHECK(round_up(0, 16) == 0);
  CHECK(round_up(1, 16) == 16);
  CHECK(round_up(16, 16) == 16);
  CHECK(round_up(17, 16) == 32);
}
