#include "kernels/layout/resize2d.h"

#include <doctest/doctest.h>

#include "kernels/reference/resize2d.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("upsample_nearest: copies and sums of blocks equal the reference at every width on every instruction set") {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(191);
    for (const Extent2d& factor : {Extent2d{1, 1}, Extent2d{2, 2}, Extent2d{3, 1}, Extent2d{1, 4}}) {
      for (const int64_t inner : {1, 3, 4, 7, 15, 16, 17, 33}) {
        CAPTURE(factor.height);
        CAPTURE(inner);
        const Plane plane{3, 5, inner};
        const int64_t blocks = factor.height * factor.width;
        // Integers, whose sums are exact in any order.
        const auto integers = [&](int64_t count) {
          std::vector<float> values(static_cast<size_t>(count));
          for (float& value : values) value = static_cast<float>(random.integer(-9, 9));
          return values;
        };
        GuardedBuffer in(integers(plane.size()), 1);
        GuardedBuffer out(plane.size() * blocks, 3);
        upsample_nearest(plane, factor, in.data(), out.data());
        std::vector<double> expected(out.span().size());
        reference::upsample_nearest(plane, factor, to_double(in.values()).data(), expected.data());
        CHECK(difference(out.span(), expected, Tolerance{0, 0}) == "");
        CHECK(out.intact());

        GuardedBuffer dout(integers(plane.size() * blocks), 1);
        GuardedBuffer din(plane.size(), 3);
        upsample_nearest_backward(plane, factor, dout.data(), din.data());
        std::vector<double> expected_din(din.span().size());
        reference::upsample_nearest_backward(plane, factor, to_double(dout.values()).data(), expected_din.data());
        CHECK(difference(din.span(), expected_din, Tolerance{0, 0}) == "");
        CHECK(din.intact());
      }
    }
  });
}
