// The rules of the optimizers, element by element. Real = double is the oracle of their values; Real = float
// does the same operations in the same order as the fast code, none of them fused, and must agree with it in
// every bit. g: gradient, w: weight, s: accumulator, b: momentum buffer; `step` counts from 1.
#pragma once

#include <cmath>
#include <cstdint>

namespace gradloom::reference {

struct AdagradOptions {
  double learning_rate = 0.01;
  double learning_rate_decay = 0;
  double weight_decay = 0;
  double epsilon = 1e-10;
  bool decoupled = false;
  bool epsilon_inside = false;
  bool maximize = false;
};

//   rate = learningRate / (1 + (step - 1) learningRateDecay)
//   coupled    g = g + weightDecay w           decoupled  w = w - rate weightDecay w
//   s = s + g^2
//   outside    w = w - rate g / (sqrt(s) + epsilon)      inside  w = w - rate g / sqrt(s + epsilon)
template <class Real>
void adagrad(const AdagradOptions& options, uint64_t step, Real g, Real& w, Real& s) {
  const auto rate =
      static_cast<Real>(options.learning_rate / (1 + static_cast<double>(step - 1) * options.learning_rate_decay));
  const auto decay = static_cast<Real>(options.weight_decay);
  const auto epsilon = static_cast<Real>(options.epsilon);
  if (options.maximize) g = -g;
  if (options.decoupled) {
    w = w - rate * decay * w;
  } else {
    g = g + decay * w;
  }
  s = s + g * g;
  const Real root = options.epsilon_inside ? std::sqrt(s + epsilon) : std::sqrt(s) + epsilon;
  w = w - rate * g / root;
}

struct SgdOptions {
  double learning_rate = 0.001;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};

//   g = g + weightDecay w
//   b = g in the first step, later b = momentum b + (1 - dampening) g      (without momentum b = g and
//   nothing is kept) w = w - learningRate b,   with nesterov w = w - learningRate (g + momentum b)
template <class Real>
void sgd(const SgdOptions& options, uint64_t step, Real g, Real& w, Real& b) {
  const auto rate = static_cast<Real>(options.learning_rate);
  const auto momentum = static_cast<Real>(options.momentum);
  const auto dampening = static_cast<Real>(options.dampening);
  const auto decay = static_cast<Real>(options.weight_decay);
  if (options.maximize) g = -g;
  g = g + decay * w;
  if (options.momentum == 0) {
    w = w - rate * g;
    return;
  }
  b = step == 1 ? g : momentum * b + (Real{1} - dampening) * g;
  w = w - rate * (options.nesterov ? g + momentum * b : b);
}

}  // namespace gradloom::reference
