// bfloat16, the upper half of a float32: the same range, 8 bits of precision.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace gradloom {

struct Bfloat16 {
  uint16_t bits;
};

inline float widen(float x) { return x; }
inline float widen(Bfloat16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

// The upper half of x's bits plus `increment`, which is below 2^16; NaN stays NaN.
inline Bfloat16 upper_half(float x, uint32_t increment) {
  const auto bits = std::bit_cast<uint32_t>(x);
  constexpr uint32_t kQuiet = 0x40;
  return {static_cast<uint16_t>(std::isnan(x) ? bits >> 16 | kQuiet : (bits + increment) >> 16)};
}

// Ties to even.
inline Bfloat16 round_to_nearest(float x) { return upper_half(x, 0x7FFF + (std::bit_cast<uint32_t>(x) >> 16 & 1)); }

// One of the two neighbours, each with the probability of the other's share of the distance, so that the mean is x; x
// itself where it is one. `random`: 16 uniform bits.
inline Bfloat16 round_stochastically(float x, uint16_t random) { return upper_half(x, random); }

}  // namespace gradloom
