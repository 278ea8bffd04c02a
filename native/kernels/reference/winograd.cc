#include "kernels/reference/winograd.h"

#include <array>
#include <cmath>

namespace gradloom::reference {
namespace {

constexpr std::array<double, 5> kPoints = {0, 0.625, -0.625, 1.5, -1.5};

// Coefficients, lowest first, of the product of x - q over the first points but number `skipped`.
std::vector<double> product_without(size_t skipped, size_t points) {
  std::vector<double> product = {1};
  for (size_t i = 0; i < points; ++i) {
    if (i == skipped) continue;
    product.push_back(0);
    for (size_t j = product.size() - 1; j > 0; --j) product[j] = product[j - 1] - kPoints[i] * product[j];
    product[0] *= -kPoints[i];
  }
  return product;
}

// The value of that product at its point.
double value_without(size_t skipped, size_t points) {
  double value = 1;
  for (size_t i = 0; i < points; ++i) {
    if (i != skipped) value *= kPoints[skipped] - kPoints[i];
  }
  return value;
}

// Powers 0 to columns - 1 of the first points, `scale` of it times; at infinity the highest alone counts.
template <class Scale>
SmallMatrix powers(size_t points, int64_t columns, Scale scale) {
  SmallMatrix m{static_cast<int64_t>(points) + 1, columns, {}};
  for (size_t i = 0; i < points; ++i) {
    for (int64_t j = 0; j < columns; ++j) m.values.push_back(scale(i) * std::pow(kPoints[i], j));
  }
  for (int64_t j = 0; j < columns; ++j) m.values.push_back(j == columns - 1 ? 1 : 0);
  return m;
}

size_t finite_points(int64_t outputs, int64_t taps) { return static_cast<size_t>(outputs + taps - 2); }

}  // namespace

SmallMatrix SmallMatrix::transposed() const {
  SmallMatrix result{columns, rows, {}};
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) result.values.push_back(at(r, c));
  }
  return result;
}

SmallMatrix SmallMatrix::magnitudes() const {
  SmallMatrix result = *this;
  for (double& value : result.values) value = std::abs(value);
  return result;
}

SmallMatrix identity_of_one() { return {1, 1, {1}}; }

SmallMatrix winograd_a(int64_t outputs, int64_t taps) {
  return powers(finite_points(outputs, taps), outputs, [](size_t) { return 1.0; });
}

SmallMatrix winograd_g(int64_t outputs, int64_t taps) {
  return powers(finite_points(outputs, taps), taps, [](size_t i) { return 1 / value_without(i, kPoints.size()); });
}

SmallMatrix winograd_b_transposed(int64_t points) {
  const auto finite = static_cast<size_t>(points - 1);
  SmallMatrix m{points, points, {}};
  for (size_t i = 0; i <= finite; ++i) {
    std::vector<double> row = product_without(i, finite);
    row.resize(static_cast<size_t>(points));
    for (double& value : row) {
      if (i < finite) value *= value_without(i, kPoints.size()) / value_without(i, finite);
    }
    m.values.insert(m.values.end(), row.begin(), row.end());
  }
  return m;
}

std::vector<double> two_sided(const BothAxes& m, const std::vector<double>& x) {
  const auto& [height, width] = m;
  std::vector<double> result;
  for (int64_t i = 0; i < height.rows; ++i) {
    for (int64_t j = 0; j < width.rows; ++j) {
      double sum = 0;
      for (int64_t r = 0; r < height.columns; ++r) {
        for (int64_t c = 0; c < width.columns; ++c) {
          sum += height.at(i, r) * x[static_cast<size_t>(r * width.columns + c)] * width.at(j, c);
        }
      }
      result.push_back(sum);
    }
  }
  return result;
}

}  // namespace gradloom::reference
