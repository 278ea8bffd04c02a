#include "kernels/random/noise.h"

#include <doctest/doctest.h>

#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("add_noise: value i gets the normal number of words 2 i and 2 i + 1, at every length and place") {
  std::vector<int64_t> counts = {4095, 4096, 4097, 40000};
  for (int64_t count = 0; count <= 70; ++count) counts.push_back(count);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(181);
    for (const int64_t count : counts) {
      CAPTURE(count);
      const NoiseRule rule{{0x123456789ABCDEF0, RandomPurpose::kNoise, 77, 0x500000003}, 0.7};
      // A place where the block's high word begins, too.
      const int64_t first = random.pick({int64_t{0}, int64_t{64}, (int64_t{1} << 33) - 64});
      GuardedBuffer x(random.normal(count), 1);
      GuardedBuffer y(count, 3);
      add_noise(rule, {first, count}, x.data(), y.data());
      std::vector<double> expected;
      for (int64_t i = 0; i < count; ++i) {
        const auto word = static_cast<uint64_t>(2 * (first + i));
        const double normal = standard_normal(rule.random.word(word), rule.random.word(word + 1));
        expected.push_back(static_cast<double>(x.data()[i]) + 0.7 * normal);
      }
      // The noise and the sum are rounded once each.
      CHECK(difference(y.span(), expected, Tolerance{kRoundoff, 4 * kRoundoff}) == "");
      CHECK(y.intact());
    }
  });
}
