// Comparisons of whole tensors. Each returns "" when they agree, otherwise what differs, so that one CHECK
// covers a tensor and says where it is wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradloom::test {

// Unit roundoff of float: a rounded sum or product is off by at most this part of itself.
inline constexpr double kRoundoff = 0x1p-24;

// Equal bit for bit (NaN equals the same NaN, 0 and -0 differ).
std::string difference_in_bits(std::span<const float> actual, std::span<const float> expected);

// |actual - expected| <= relative * |expected| + absolute, element by element.
struct Tolerance {
  double relative;
  double absolute;
};
std::string difference(std::span<const float> actual, std::span<const double> expected, const Tolerance& tolerance);
std::string difference(std::span<const double> actual, std::span<const double> expected, const Tolerance& tolerance);

// |actual[i] - expected[i]| <= bounds[i].
std::string difference(std::span<const float> actual, std::span<const double> expected, std::span<const double> bounds);

// Rows of so many features as a layer reads them in stretches (Layer::input_stretches).
std::vector<float> in_stretches(const std::vector<float>& rows, int64_t features, int64_t stretches);

// |v| of every element: what a sum of magnitudes, and so an error bound, is made of.
std::vector<double> magnitudes(std::vector<double> values);

// max |actual - expected| / max |expected|.
double scaled_error(std::span<const float> actual, std::span<const double> expected);

}  // namespace gradloom::test
