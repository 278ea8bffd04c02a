#include "kernels/reference/input_activation.h"

#include <cmath>

namespace gradloom::reference {
namespace {

constexpr double kPi = 3.14159265358979323846;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

double distribution(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

double twice_u(double x) { return 2 * std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x); }

}  // namespace

double input_activation(InputActivation activation, double x) {
  switch (activation) {
    case InputActivation::kGelu: return x * distribution(x);
    case InputActivation::kGeluTanh: return x * logistic(twice_u(x));
    case InputActivation::kSilu: return x * logistic(x);
    case InputActivation::kSoftplus: return std::fmax(x, 0) + std::log1p(std::exp(-std::abs(x)));
  }
  return x;
}

double input_activation_derivative(InputActivation activation, double x) {
  switch (activation) {
    case InputActivation::kGelu: return distribution(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * kPi);
    case InputActivation::kGeluTanh: {
      const double s = logistic(twice_u(x));
      return s + x * s * (1 - s) * 2 * std::sqrt(2 / kPi) * (1 + 3 * 0.044715 * x * x);
    }
    case InputActivation::kSilu: return logistic(x) * (1 + x * logistic(-x));
    case InputActivation::kSoftplus: return logistic(x);
  }
  return 1;
}

}  // namespace gradloom::reference
