#include "kernels/reference/losses.h"

#include <algorithm>
#include <cmath>

namespace gradloom::reference {
namespace {

// ln(1 + e^v) without overflow: ln p = -softplus(-z) and ln(1 - p) = -softplus(z) for p = sigmoid(z).
double softplus(double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); }

}  // namespace

double softmax_cross_entropy(int64_t columns, const double* z, int32_t target, double* gradient) {
  const double largest = *std::max_element(z, z + columns);  // taken out of the sum, so that nothing overflows
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) sum += std::exp(z[i] - largest);
  for (int64_t i = 0; i < columns; ++i) gradient[i] = std::exp(z[i] - largest) / sum - (i == target ? 1 : 0);
  return std::log(sum) + largest - z[target];
}

double sigmoid_binary_cross_entropy(int64_t columns, const double* z, const double* targets, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    sum += targets[i] * softplus(-z[i]) + (1 - targets[i]) * softplus(z[i]);
    gradient[i] = (1 / (1 + std::exp(-z[i])) - targets[i]) / count;
  }
  return sum / count;
}

double mean_squared_error(int64_t columns, const double* y, const double* targets, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    sum += (y[i] - targets[i]) * (y[i] - targets[i]);
    gradient[i] = 2 * (y[i] - targets[i]) / count;
  }
  return sum / count;
}

}  // namespace gradloom::reference
