// Arithmetic on sizes that throws instead of wrapping. Every product of shapes goes through it.
#pragma once

#include <cstdint>

#include "common/error.h"

namespace gradloom {

// Above this many elements no tensor is accepted: element indices stay exact in a double and products with an element
// size stay within int64_t.
inline constexpr int64_t kMaxElements = int64_t{1} << 48;

inline int64_t checked_multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product) || product > kMaxElements) {
    throw Error("SHAPE_TOO_LARGE", "a tensor of " + std::to_string(a) + " x " + std::to_string(b) +
                                       " elements exceeds the largest supported size of 2^48 elements");
  }
  return product;
}

inline int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline int64_t round_up(int64_t a, int64_t multiple) { return ceil_divide(a, multiple) * multiple; }

}  // namespace gradloom
