#include "kernels/layout/transposed_tile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// By the definition, for one of the numbers of `transposed`.
template <class Number>
Number transposed_number(const PixelArea& area, const Number* source, int64_t index) {
  const int64_t image = index % kLanes;
  const int64_t sample = index / kLanes % kLanes;
  const int64_t pixel = index / (kLanes * kLanes);
  const int64_t row = pixel / area.pixels.width;
  const int64_t column = pixel % area.pixels.width;
  return image < area.images ? source[image * area.image + row * area.row + column * area.column + sample] : Number{0};
}

}  // namespace

TEST_CASE("transpose_pixels: samples become images for 1 to 16 images, floats and taps, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(85);
    for (int64_t images = 1; images <= kLanes; ++images) {
      for (const Extent2d& pixels : {Extent2d{4, 4}, Extent2d{2, 2}, Extent2d{1, 3}, Extent2d{3, 1}}) {
        CAPTURE(images);
        const int64_t apart = random.integer(1, 3);
        const int64_t width = pixels.width * apart + random.integer(0, 2);
        const int64_t image = (pixels.height * width + random.integer(0, 3)) * kLanes;
        const PixelArea area{images, image, width * kLanes, apart * kLanes, pixels};
        const int64_t count = transposed_numbers(pixels);

        GuardedBuffer source(random.normal(images * image));
        GuardedBuffer transposed(count);
        transpose_pixels(area, source.data(), transposed.data());
        std::vector<float> expected;
        for (int64_t i = 0; i < count; ++i) expected.push_back(transposed_number(area, source.data(), i));
        CHECK(difference_in_bits(transposed.span(), expected) == "");
        CHECK(transposed.intact());

        GuardedBuffer tap_memory(images * image / 2);
        auto* const taps = reinterpret_cast<ArgmaxTap*>(tap_memory.data());
        for (int64_t i = 0; i < images * image; ++i) taps[i] = random.pick<ArgmaxTap>({0, 1, 2, 3, 300, 65534, kNoTap});
        GuardedBuffer transposed_memory(count / 2);
        auto* const transposed_taps = reinterpret_cast<ArgmaxTap*>(transposed_memory.data());
        transpose_pixels(area, taps, transposed_taps);
        int64_t wrong = 0;
        for (int64_t i = 0; i < count; ++i) wrong += transposed_taps[i] != transposed_number(area, taps, i) ? 1 : 0;
        CHECK(wrong == 0);
        CHECK(transposed_memory.intact());
      }
    }
  });
}
