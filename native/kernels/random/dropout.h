// Values dropped at random. Which of them is drawn once, in the forward pass, and kept a bit a value for the backward
// pass, since a draw costs more than the memory that the values lie in.
#pragma once

#include <cstdint>

#include "common/random.h"

namespace gradloom {

// Value i is dropped if word i of `random` is below `threshold`; the others are scaled.
struct DropRule {
  RandomStream random;
  uint32_t threshold;
  float scale;
};

// Bits are written so many at once: stretches of a tensor begin at multiples of it.
constexpr int64_t kDropMultiple = 64;
// Values [first, first + count) of a tensor, whose pointers below begin there.
struct DropStretch {
  int64_t first;
  int64_t count;
};

// Floats that the bits of so many values take.
inline int64_t floats_of_drop_bits(int64_t values) {
  return (values + kDropMultiple - 1) / kDropMultiple * kDropMultiple / 32;
}

// kept, bit i = word first + i >= threshold; y[i] = kept ? x[i] scale : 0. Bit i is bit i % 8 of byte i / 8.
void drop(const DropRule& rule, const DropStretch& stretch, const float* x, uint8_t* kept, float* y);

// dx[i] = kept ? dy[i] scale : 0
void drop_again(float scale, int64_t count, const uint8_t* kept, const float* dy, float* dx);

}  // namespace gradloom
