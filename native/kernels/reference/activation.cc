#include "kernels/reference/activation.h"

#include <algorithm>
#include <cmath>

namespace gradloom::reference {
namespace {

void softmax(int64_t columns, const double* z, double* y) {
  const double largest = *std::max_element(z, z + columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) {
    y[i] = std::exp(z[i] - largest);
    sum += y[i];
  }
  for (int64_t i = 0; i < columns; ++i) y[i] /= sum;
}

void log_softmax(int64_t columns, const double* z, double* y) {
  const double largest = *std::max_element(z, z + columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) sum += std::exp(z[i] - largest);
  for (int64_t i = 0; i < columns; ++i) y[i] = z[i] - largest - std::log(sum);
}

double value(Activation activation, double z) {
  switch (activation.kind) {
    case Activation::kRelu: return z < 0 ? 0 : z;
    case Activation::kTanh: return std::tanh(z);
    case Activation::kSigmoid: return 1 / (1 + std::exp(-z));
    case Activation::kLeakyRelu: return z > 0 ? z : activation.parameter * z;
    case Activation::kElu: return z > 0 ? z : activation.parameter * std::expm1(z);
    default: return z;
  }
}

// By the output y, as the kernels have it.
double derivative(Activation activation, double y) {
  switch (activation.kind) {
    case Activation::kRelu: return y > 0 ? 1 : 0;
    case Activation::kTanh: return 1 - y * y;
    case Activation::kSigmoid: return y * (1 - y);
    case Activation::kLeakyRelu: return y > 0 ? 1 : activation.parameter;
    case Activation::kElu: return y > 0 ? 1 : y + activation.parameter;
    default: return 1;
  }
}

}  // namespace

void activate(Activation activation, int64_t columns, const double* z, double* y) {
  if (activation.kind == Activation::kSoftmax) return softmax(columns, z, y);
  if (activation.kind == Activation::kLogSoftmax) return log_softmax(columns, z, y);
  for (int64_t i = 0; i < columns; ++i) y[i] = value(activation, z[i]);
}

void activation_backward(Activation activation, int64_t columns, const double* y, double* gradient) {
  if (activation.kind == Activation::kLogSoftmax) {
    double sum = 0;
    for (int64_t i = 0; i < columns; ++i) sum += gradient[i];
    for (int64_t i = 0; i < columns; ++i) gradient[i] -= std::exp(y[i]) * sum;
    return;
  }
  if (activation.kind == Activation::kSoftmax) {
    double dot = 0;
    for (int64_t i = 0; i < columns; ++i) dot += gradient[i] * y[i];
    for (int64_t i = 0; i < columns; ++i) gradient[i] = y[i] * (gradient[i] - dot);
    return;
  }
  for (int64_t i = 0; i < columns; ++i) gradient[i] *= derivative(activation, y[i]);
}

}  // namespace gradloom::reference
