// Counter-based random numbers: Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011). A number is a function of (seed, purpose, stream, step, index) alone, so shuffling,
// dropout and initialisation do not depend on threads or order and can resume anywhere.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace gradloom {

// What a stream of numbers is for; part of the address. The values are part of the file format: never renumber them.
enum class RandomPurpose : uint32_t {
  kInitialWeights = 1,
  kShuffle = 2,
  kDropout = 3,
  kNoise = 4,
  kWords = 5,
  kAugmentation = 6,
  kRounding = 7
};

using PhiloxBlock = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

// Ten rounds; 32 x 32 bit products split into their halves.
inline PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// One stream of random numbers. `stream` tells apart what shares a purpose (layers, parameters), `step` its
// repetitions.
class RandomStream {
 public:
  RandomStream(uint64_t seed, RandomPurpose purpose, uint32_t stream, uint64_t step)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        stream_(static_cast<uint32_t>(purpose) << 24 ^ stream),
        step_(step) {}

  // Four words at position `block` of the stream. Steps beyond 2^32 share the word of the block's high half, which no
  // tensor of under 2^34 elements reaches.
  PhiloxBlock block(uint64_t block) const { return philox(counter(block), key_); }

  // What makes a block, for who makes many at once.
  PhiloxBlock counter(uint64_t block) const {
    return {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32) ^ static_cast<uint32_t>(step_ >> 32),
            stream_, static_cast<uint32_t>(step_)};
  }
  const PhiloxKey& key() const { return key_; }

  // Word `index` of the stream.
  uint32_t word(uint64_t index) const { return block(index / 4)[index % 4]; }

 private:
  PhiloxKey key_;
  uint32_t stream_;
  uint64_t step_;
};

// Uniform in [0, 1) with 24 bits.
inline float uniform_unit(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

// Standard normal, from two words (G. Box, M. Muller, 1958); within +-6.7.
inline double standard_normal(uint32_t first, uint32_t second) {
  constexpr double kTwoPi = 6.28318530717958647692;
  const double radius = std::sqrt(-2 * std::log((static_cast<double>(first) + 1) * 0x1p-32));
  return radius * std::cos(kTwoPi * 0x1p-32 * static_cast<double>(second));
}

}  // namespace gradloom
