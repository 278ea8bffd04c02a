#include "kernels/layout/lanes.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("rows_to_lanes and lanes_to_rows: by their definition for 1 to 16 samples, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(71);
    for (int64_t samples = 1; samples <= kLanes; ++samples) {
      for (const int64_t pixels : {1, 2, 5, 16, 25, 97}) {
        for (const int64_t channels : {1, 3, 4, 7, 16, 17, 65, 128, 131}) {
          CAPTURE(samples);
          CAPTURE(pixels);
          CAPTURE(channels);
          GuardedBuffer rows(random.normal(samples * pixels * channels), 1);
          std::vector<float> expected(static_cast<size_t>(pixels * channels * kLanes));
          for (int64_t l = 0; l < samples; ++l) {
            for (int64_t p = 0; p < pixels; ++p) {
              for (int64_t c = 0; c < channels; ++c) {
                expected[static_cast<size_t>((c * pixels + p) * kLanes + l)] =
                    rows.span()[static_cast<size_t>((l * pixels + p) * channels + c)];
              }
            }
          }
          GuardedBuffer lanes(pixels * channels * kLanes);
          const LaneImage image{pixels, channels};
          // Some pixels, then the others.
          const int64_t cut = random.integer(0, pixels);
          for (const PixelRange range : {PixelRange{0, cut}, PixelRange{cut, pixels}}) {
            rows_to_lanes(image, range, samples, rows.data(), lanes.data());
          }
          CHECK(difference_in_bits(lanes.span(), expected) == "");
          CHECK(lanes.intact());
          GuardedBuffer back(samples * pixels * channels, 1);
          for (const PixelRange range : {PixelRange{0, cut}, PixelRange{cut, pixels}}) {
            lanes_to_rows(image, range, samples, lanes.data(), back.data());
          }
          CHECK(difference_in_bits(back.span(), rows.span()) == "");
          CHECK(back.intact());
        }
      }
    }
  });
}

TEST_CASE("place_plane: pads and crops by its definition over 500 placements, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(72);
    for (int i = 0; i < 500; ++i) {
      CAPTURE(i);
      const auto axis = [&] {
        return AxisPlacement{random.integer(1, 6), random.integer(1, 14), random.integer(-4, 5)};
      };
      const AxisPlacement rows = axis();
      const AxisPlacement columns = axis();
      GuardedBuffer source(random.normal(rows.source * columns.source * kLanes));
      std::vector<float> expected(static_cast<size_t>(rows.target * columns.target * kLanes));
      for (int64_t h = 0; h < rows.source; ++h) {
        for (int64_t w = 0; w < columns.source; ++w) {
          const int64_t to_h = h + rows.offset;
          const int64_t to_w = w + columns.offset;
          if (to_h < 0 || to_h >= rows.target || to_w < 0 || to_w >= columns.target) continue;
          std::copy_n(source.data() + (h * columns.source + w) * kLanes, kLanes,
                      expected.data() + (to_h * columns.target + to_w) * kLanes);
        }
      }
      GuardedBuffer placed(rows.target * columns.target * kLanes);
      place_plane(rows, columns, source.data(), placed.data());
      CHECK(difference_in_bits(placed.span(), expected) == "");
      CHECK(placed.intact());
    }
  });
}
