#include "kernels/reference/losses.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gradloom::reference {
namespace {

// ln(1 + e^v) without overflow: ln p = -softplus(-z) and ln(1 - p) = -softplus(z) for p = sigmoid(z).
double softplus(double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); }

}  // namespace

double softmax_cross_entropy(int64_t columns, const double* z, int32_t target, double* gradient) {
  std::vector<double> one_hot(static_cast<size_t>(columns));
  one_hot[static_cast<size_t>(target)] = 1;
  return softmax_cross_entropy(columns, z, one_hot.data(), gradient);
}

double softmax_cross_entropy(int64_t columns, const double* z, const double* q, double* gradient) {
  const double largest = *std::max_element(z, z + columns);  // taken out of the sum, so that nothing overflows
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) sum += std::exp(z[i] - largest);
  double mass = 0;
  double value = 0;
  for (int64_t i = 0; i < columns; ++i) {
    mass += q[i];
    value -= q[i] * (z[i] - largest - std::log(sum));
  }
  for (int64_t i = 0; i < columns; ++i) gradient[i] = std::exp(z[i] - largest) / sum * mass - q[i];
  return value;
}

double sigmoid_binary_cross_entropy(int64_t columns, const double* z, const double* targets,
                                    const double* positive_weight, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    const double yes = positive_weight[i] * targets[i];
    const double no = 1 - targets[i];
    sum += yes * softplus(-z[i]) + no * softplus(z[i]);
    gradient[i] = (no / (1 + std::exp(-z[i])) - yes / (1 + std::exp(z[i]))) / count;
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

double mean_absolute_error(int64_t columns, const double* y, const double* targets, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    sum += std::abs(y[i] - targets[i]);
    gradient[i] = (y[i] == targets[i] ? 0 : std::copysign(1.0, y[i] - targets[i])) / count;
  }
  return sum / count;
}

double huber(int64_t columns, const double* y, const double* targets, double delta, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    const double error = y[i] - targets[i];
    const bool far = std::abs(error) > delta;
    sum += far ? delta * (std::abs(error) - delta / 2) : error * error / 2;
    gradient[i] = (far ? std::copysign(delta, error) : error) / count;
  }
  return sum / count;
}

double smooth_l1(int64_t columns, const double* y, const double* targets, double beta, double* gradient) {
  const double value = huber(columns, y, targets, beta, gradient);
  for (int64_t i = 0; i < columns; ++i) gradient[i] /= beta;
  return value / beta;
}

double hinge(int64_t columns, const double* f, const double* targets, int power, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    const double sign = targets[i] > 0 ? 1 : -1;
    const double margin = std::max(0.0, 1 - sign * f[i]);
    sum += std::pow(margin, power);
    gradient[i] = margin == 0 ? 0 : -power * sign * std::pow(margin, power - 1) / count;
  }
  return sum / count;
}

double poisson(int64_t columns, const double* z, const double* targets, double* gradient) {
  const auto count = static_cast<double>(columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    sum += std::exp(z[i]) - targets[i] * z[i];
    gradient[i] = (std::exp(z[i]) - targets[i]) / count;
  }
  return sum / count;
}

}  // namespace gradloom::reference
