#include "kernels/gather/augment.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/reference/augment.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

ImageChange draw(RandomData& random, const ImageSize& size) {
  ImageChange change;
  change.mirrored = random.integer(0, 1) == 1;
  change.upside_down = random.integer(0, 1) == 1;
  change.down = random.integer(1 - size.height, size.height - 1);
  change.right = random.integer(1 - size.width, size.width - 1);
  if (random.integer(0, 1) == 1) {
    change.gain = static_cast<float>(random.integer(-4, 4));
    change.offset = static_cast<float>(random.integer(-4, 4));
  }
  if (random.integer(0, 2) == 0) {
    change.cut.top = random.integer(0, size.height);
    change.cut.bottom = random.integer(change.cut.top, size.height);
    change.cut.left = random.integer(0, size.width);
    change.cut.right = random.integer(change.cut.left, size.width);
  }
  return change;
}

}  // namespace

TEST_CASE("augment_image: integers exactly, for floats and bytes, at 2,000 random sizes and changes") {
  RandomData random(61);
  for (int trial = 0; trial < 2000; ++trial) {
    CAPTURE(trial);
    const ImageSize size{random.integer(1, 12), random.integer(1, 23), random.integer(1, 6)};
    const int64_t count = size.height * size.width * size.channels;
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(0, 255));
    GuardedBuffer floats(std::vector<float>(bytes.begin(), bytes.end()), 1);
    const std::vector<float> scale = random.integers(count);
    const std::vector<float> shift = random.integers(count);
    const ImageChange change = draw(random, size);
    const Padding padding = random.integer(0, 1) == 1 ? Padding::kEdge : Padding::kZero;

    std::vector<double> expected(static_cast<size_t>(count));
    reference::augment_image(bytes.data(), to_double(scale).data(), to_double(shift).data(), size, padding, change,
                             expected.data());
    GuardedBuffer from_floats(count, 1);
    GuardedBuffer from_bytes(count, 3);
    augment_image(floats.data(), scale.data(), shift.data(), size, padding, change, from_floats.data());
    augment_image(bytes.data(), scale.data(), shift.data(), size, padding, change, from_bytes.data());
    CHECK(difference(from_floats.span(), expected, Tolerance{0, 0}) == "");
    CHECK(difference(from_bytes.span(), expected, Tolerance{0, 0}) == "");
    CHECK(from_floats.intact());
    CHECK(from_bytes.intact());

    const std::vector<double> ones(static_cast<size_t>(count), 1);
    const std::vector<double> zeros(static_cast<size_t>(count));
    reference::augment_image(bytes.data(), ones.data(), zeros.data(), size, padding, change, expected.data());
    augment_image(floats.data(), nullptr, nullptr, size, padding, change, from_floats.data());
    CHECK(difference(from_floats.span(), expected, Tolerance{0, 0}) == "");
    CHECK(from_floats.intact());
  }
}

TEST_CASE("mean: of bytes exactly, of floats to the last place, at every length") {
  RandomData random(62);
  for (int64_t count = 1; count <= 70; ++count) {
    CAPTURE(count);
    const std::vector<float> x = random.integers(count, 255);
    std::vector<uint8_t> bytes;
    double sum = 0;
    double sum_of_bytes = 0;
    for (const float value : x) {
      bytes.push_back(static_cast<uint8_t>(std::abs(value)));
      sum += value;
      sum_of_bytes += std::abs(value);
    }
    CHECK(mean(x.data(), count) == sum / static_cast<double>(count));
    CHECK(mean(bytes.data(), count) == sum_of_bytes / static_cast<double>(count));
  }
}
