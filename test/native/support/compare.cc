#include "support/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <sstream>

#include "kernels/tiling.h"

namespace gradloom::test {
namespace {

// `wrong(i)` tells whether element i differs.
template <class T, class U, class Wrong>
std::string describe(std::span<const T> actual, std::span<const U> expected, Wrong wrong) {
  std::ostringstream text;
  text.precision(17);
  if (actual.size() != expected.size()) {
    text << actual.size() << " elements instead of " << expected.size();
    return text.str();
  }
  size_t count = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!wrong(i)) continue;
    if (count == 0) text << "element " << i << " is " << actual[i] << " instead of " << expected[i];
    ++count;
  }
  if (count > 0) text << "; " << count << " of " << actual.size() << " differ";
  return text.str();
}

template <class T>
std::string beyond(std::span<const T> actual, std::span<const double> expected, const Tolerance& tolerance) {
  return describe(actual, expected, [&](size_t i) {
    const double error = std::abs(static_cast<double>(actual[i]) - expected[i]);
    return !(error <= tolerance.relative * std::abs(expected[i]) + tolerance.absolute);
  });
}

}  // namespace

std::string difference_in_bits(std::span<const float> actual, std::span<const float> expected) {
  return describe(actual, expected,
                  [&](size_t i) { return std::bit_cast<uint32_t>(actual[i]) != std::bit_cast<uint32_t>(expected[i]); });
}

std::string difference(std::span<const float> actual, std::span<const double> expected, const Tolerance& tolerance) {
  return beyond(actual, expected, tolerance);
}

std::string difference(std::span<const double> actual, std::span<const double> expected, const Tolerance& tolerance) {
  return beyond(actual, expected, tolerance);
}

std::string difference(std::span<const float> actual, std::span<const double> expected,
                       std::span<const double> bounds) {
  return describe(actual, expected,
                  [&](size_t i) { return !(std::abs(static_cast<double>(actual[i]) - expected[i]) <= bounds[i]); });
}

std::vector<float> in_stretches(const std::vector<float>& rows, int64_t features, int64_t stretches) {
  std::vector<float> result;
  const Tiling cuts = cut_stretches(features, stretches);
  const auto size = static_cast<int64_t>(rows.size());
  for (int64_t stretch = 0; stretch < cuts.count; ++stretch) {
    for (int64_t row = cuts.first(stretch); row < size; row += features) {
      result.insert(result.end(), rows.begin() + row, rows.begin() + row + cuts.size(stretch));
    }
  }
  return result;
}

std::vector<double> magnitudes(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

double scaled_error(std::span<const float> actual, std::span<const double> expected) {
  double error = 0;
  double scale = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(actual[i]) - expected[i]));
    scale = std::max(scale, std::abs(expected[i]));
  }
  return scale == 0 ? error : error / scale;
}

}  // namespace gradloom::test
