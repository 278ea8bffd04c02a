#include "kernels/reference/winograd.h"

#include <array>
#include <cmath>

namespace gradloom::reference {
namespace {

constexpr std::array<double, 5> kPoints = {0, 0.625, -0.625, 1.5, -1.5};

// Coefficients, lowest first, of the product of x - q over the points but number `skipped`.
std::vector<double> product_without(size_t skipped) {
  std::vector<double> product = {1};
  for (size_t i = 0; i < kPoints.size(); ++i) {
    if (i == skipped) continue;
    product.push_back(0);
    for (size_t j = product.size() - 1; j > 0; --j) product[j] = product[j - 1] - kPoints[i] * product[j];
    product[0] *= -kPoints[i];
  }
  return product;
}

// Powers 0 to columns - 1 of every point, `scale` of it times; at infinity the highest alone counts.
template <class Scale>
SmallMatrix powers(int64_t columns, Scale scale) {
  SmallMatrix m{6, columns, {}};
  for (size_t i = 0; i < kPoints.size(); ++i) {
    for (int64_t j = 0; j < columns; ++j) m.values.push_back(scale(i) * std::pow(kPoints[i], j));
  }
  for (int64_t j = 0; j < columns; ++j) m.values.push_back(j == columns - 1 ? 1 : 0);
  return m;
}

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

SmallMatrix winograd_a(int64_t outputs) {
  return powers(outputs, [](size_t) { return 1.0; });
}

SmallMatrix winograd_g(int64_t taps) {
  return powers(taps, [](size_t i) {
    double at_point = 1;
    for (size_t j = 0; j < kPoints.size(); ++j) {
      if (j != i) at_point *= kPoints[i] - kPoints[j];
    }
    return 1 / at_point;
  });
}

SmallMatrix winograd_b_transposed() {
  SmallMatrix m{6, 6, {}};
  for (size_t i = 0; i <= kPoints.size(); ++i) {
    std::vector<double> row = product_without(i);
    row.resize(6);
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
