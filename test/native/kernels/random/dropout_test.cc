#include "kernels/random/dropout.h"

#include <doctest/doctest.h>

#include <limits>

#include "kernels/reference/dropout.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("drop: values, bits and gradients equal the reference at every length on every instruction set") {
  std::vector<int64_t> counts = {4095, 4096, 4097, 8191, 8193};
  for (int64_t count = 0; count <= 130; ++count) counts.push_back(count);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(171);
    for (const int64_t count : counts) {
      CAPTURE(count);
      // Seeds, streams and steps of which both halves count, and a place where the block's high word begins.
      const RandomStream stream(0x123456789ABCDEF0, RandomPurpose::kDropout, 77, 0x500000003);
      const int64_t first = random.pick({int64_t{0}, int64_t{64}, (int64_t{1} << 34) - 64});
      const DropRule rule{stream, static_cast<uint32_t>(random.integer(0, 0xFFFFFFFF)), 1.7F};
      GuardedBuffer x(random.normal(count), 1);
      GuardedBuffer y(count, 3);
      GuardedBuffer kept(floats_of_drop_bits(count));
      auto* const bits = reinterpret_cast<uint8_t*>(kept.data());
      drop(rule, {first, count}, x.data(), bits, y.data());
      const reference::Dropped expected = reference::drop(rule, first, x.span());
      CHECK(difference_in_bits(y.span(), expected.y) == "");
      CHECK(y.intact());
      CHECK(kept.intact());
      int64_t wrong = 0;
      for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
        wrong += (bits[i / 8] ^ expected.kept[i / 8]) >> (i % 8) & 1;
      }
      CHECK(wrong == 0);

      const std::vector<float> dy = random.normal(count);
      GuardedBuffer dx(count, 5);
      drop_again(rule.scale, count, bits, dy.data(), dx.data());
      std::vector<float> expected_dx(dy.size());
      for (size_t i = 0; i < dy.size(); ++i) {
        expected_dx[i] = (expected.kept[i / 8] >> (i % 8) & 1) == 1 ? dy[i] * rule.scale : 0;
      }
      CHECK(difference_in_bits(dx.span(), expected_dx) == "");
      CHECK(dx.intact());
    }
  });
}

TEST_CASE("drop: a threshold of 0 keeps all values, what is not finite included; a dropped NaN is 0") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x(100, kNan);
  const RandomStream stream(1, RandomPurpose::kDropout, 2, 3);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    std::vector<float> y(100);
    std::vector<uint8_t> kept(16);
    drop({stream, 0, 1}, {0, 100}, x.data(), kept.data(), y.data());
    CHECK(difference_in_bits(y, x) == "");
    // The first hundred words are all below.
    drop({stream, 0xFFFFFFFF, 1}, {0, 100}, x.data(), kept.data(), y.data());
    CHECK(y == std::vector<float>(100, 0.0F));
  });
}
