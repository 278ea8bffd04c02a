// Gradients by central differences, in double: (f(x + h) - f(x - h)) / 2h, element by element.
#pragma once

#include <string>
#include <vector>

#include "support/compare.h"

namespace gradloom::test {

// What `gradient` differs from the central differences of `loss()` by the elements of `values`, which `loss`
// reads.
template <class Loss>
std::string gradient_difference(const std::vector<double>& gradient, std::vector<double>& values, Loss loss) {
  constexpr double kStep = 1e-5;
  std::vector<double> differences;
  for (double& value : values) {
    const double at = value;
    value = at + kStep;
    const double above = loss();
    value = at - kStep;
    const double below = loss();
    value = at;
    differences.push_back((above - below) / (2 * kStep));
  }
  return difference(gradient, differences, {.relative = 1e-5, .absolute = 1e-7});
}

}  // namespace gradloom::test
