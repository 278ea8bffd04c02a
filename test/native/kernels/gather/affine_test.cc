#include "kernels/gather/affine.h"

#include <doctest/doctest.h>

#include "kernels/reference/affine.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("affine: integers exactly, real numbers to two roundings, at every length") {
  RandomData random(51);
  for (int64_t count = 0; count <= 70; ++count) {
    CAPTURE(count);
    for (const bool integers : {true, false}) {
      const auto fill = [&] { return integers ? random.integers(count, 100) : random.normal(count); };
      GuardedBuffer x(fill(), 1);
      GuardedBuffer scale(fill(), 2);
      GuardedBuffer shift(fill(), 3);
      GuardedBuffer out(count, 1);
      std::vector<double> expected(static_cast<size_t>(count));
      reference::affine(x.data(), to_double(scale.values()).data(), to_double(shift.values()).data(), count,
                        expected.data());
      affine(x.data(), scale.data(), shift.data(), count, out.data());
      CHECK(difference(out.span(), expected, Tolerance{kRoundoff, integers ? 0 : 32 * kRoundoff}) == "");
      CHECK(out.intact());
    }
  }
}

TEST_CASE("affine_from_bytes: all values of a byte, at every length, with the bits of the float form") {
  RandomData random(52);
  for (int64_t count = 0; count <= 70; ++count) {
    CAPTURE(count);
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(0, 255));
    const std::vector<float> x(bytes.begin(), bytes.end());
    const std::vector<float> scale = random.normal(count);
    const std::vector<float> shift = random.normal(count);
    GuardedBuffer from_floats(count);
    GuardedBuffer from_bytes(count, 1);
    affine(x.data(), scale.data(), shift.data(), count, from_floats.data());
    affine_from_bytes(bytes.data(), scale.data(), shift.data(), count, from_bytes.data());
    CHECK(difference_in_bits(from_bytes.span(), from_floats.span()) == "");
    CHECK(from_bytes.intact());
  }
}
