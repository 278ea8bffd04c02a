// Normally distributed noise.
#pragma once

#include <cstdint>

#include "common/random.h"

namespace gradloom {

// Value i gets words 2 i and 2 i + 1 of `random`.
struct NoiseRule {
  RandomStream random;
  double standard_deviation;
};

// Values [first, first + count) of a tensor, whose pointers below begin there. `first` is even.
struct NoiseStretch {
  int64_t first;
  int64_t count;
};

// y[i] = x[i] + standard_deviation standard_normal(two words) (common/random.h). The noise is made in double, to within
// some units in its last place, and then rounded to float.
void add_noise(const NoiseRule& rule, const NoiseStretch& stretch, const float* x, float* y);

}  // namespace gradloom
