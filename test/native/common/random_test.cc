#include "common/random.h"

#include <doctest/doctest.h>

#include <set>

using namespace gradloom;

// The known answers that the authors of Philox publish with Random123 (philox4x32, 10 rounds).
TEST_CASE("philox: known answers") {
  constexpr uint32_t kAll = 0xFFFFFFFF;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  CHECK(philox({kAll, kAll, kAll, kAll}, {kAll, kAll}) == PhiloxBlock{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
  CHECK(philox({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}) ==
        PhiloxBlock{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
}

TEST_CASE("RandomStream: a number's address is (seed, purpose, stream, step, index)") {
  const RandomStream stream(0x1122334455667788, RandomPurpose::kDropout, 0xABC, 9);
  const PhiloxBlock expected = philox({5, 0, 0x03000ABC, 9}, {0x55667788, 0x11223344});
  CHECK(stream.block(5) == expected);
  for (uint64_t i = 0; i < 4; ++i) CHECK(stream.word(20 + i) == expected[i]);
  CHECK(stream.block(uint64_t{1} << 32) == philox({0, 1, 0x03000ABC, 9}, {0x55667788, 0x11223344}));
  // The high half of a step shares a word with the high half of the block.
  CHECK(RandomStream(0, RandomPurpose::kShuffle, 0, uint64_t{7} << 32 | 3).block(1) ==
        philox({1, 7, 0x02000000, 3}, {0, 0}));

  std::set<PhiloxBlock> blocks;
  for (const uint64_t seed : {0, 1}) {
    for (const auto purpose : {RandomPurpose::kInitialWeights, RandomPurpose::kShuffle, RandomPurpose::kDropout}) {
      for (const uint32_t number : {0, 1}) {
        for (const uint64_t step : {0, 1}) {
          for (const uint64_t block : {0, 1}) blocks.insert(RandomStream(seed, purpose, number, step).block(block));
        }
      }
    }
  }
  CHECK(blocks.size() == 2 * 3 * 2 * 2 * 2);
}

TEST_CASE("uniform_unit: 24 bits in [0, 1)") {
  CHECK(uniform_unit(0) == 0.0F);
  CHECK(uniform_unit(0xFF) == 0.0F);
  CHECK(uniform_unit(0x100) == 0x1p-24F);
  CHECK(uniform_unit(0x80000000) == 0.5F);
  CHECK(uniform_unit(0xFFFFFFFF) == 1.0F - 0x1p-24F);

  const RandomStream stream(3, RandomPurpose::kInitialWeights, 0, 0);
  double mean = 0;
  double square = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const double value = uniform_unit(stream.word(static_cast<uint64_t>(i)));
    mean += value / kCount;
    square += value * value / kCount;
  }
  // Four standard errors.
  CHECK(mean == doctest::Approx(0.5).epsilon(0.008));
  CHECK(square == doctest::Approx(1.0 / 3).epsilon(0.012));
}
