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

// What all the rules below have; those without decay leave it 0.
struct CommonOptions {
  double learning_rate = 0.01;
  double weight_decay = 0;
  bool maximize = false;
};

struct RmspropOptions : CommonOptions {
  double smoothing = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  bool centered = false;
};

//   s = smoothing s + (1 - smoothing) g^2,  centered: a likewise of g;  v = max(s - a^2, 0)
//   u = g / (sqrt(v) + epsilon),  b = momentum b + u,  w = w - learningRate b
// State: s, then a if it is centered, then b if it has a momentum.
template <class Real>
void rmsprop(const RmspropOptions& options, uint64_t /*step*/, Real g, Real& w, Real* state) {
  const auto smoothing = static_cast<Real>(options.smoothing);
  const auto fresh = static_cast<Real>(1 - options.smoothing);
  if (options.maximize) g = -g;
  g = g + static_cast<Real>(options.weight_decay) * w;
  state[0] = smoothing * state[0] + fresh * (g * g);
  Real variance = state[0];
  if (options.centered) {
    state[1] = smoothing * state[1] + fresh * g;
    variance = variance - state[1] * state[1];
    if (variance < 0) variance = 0;
  }
  Real update = g / (std::sqrt(variance) + static_cast<Real>(options.epsilon));
  if (options.momentum != 0) {
    Real& buffer = state[options.centered ? 2 : 1];
    buffer = static_cast<Real>(options.momentum) * buffer + update;
    update = buffer;
  }
  w = w - static_cast<Real>(options.learning_rate) * update;
}

struct AdadeltaOptions : CommonOptions {
  double smoothing = 0.9;
  double epsilon = 1e-6;
};

//   s = smoothing s + (1 - smoothing) g^2,  d = sqrt(u + epsilon) / sqrt(s + epsilon) g
//   u = smoothing u + (1 - smoothing) d^2,  w = w - learningRate d
// State: s, u.
template <class Real>
void adadelta(const AdadeltaOptions& options, uint64_t /*step*/, Real g, Real& w, Real* state) {
  const auto smoothing = static_cast<Real>(options.smoothing);
  const auto fresh = static_cast<Real>(1 - options.smoothing);
  const auto epsilon = static_cast<Real>(options.epsilon);
  if (options.maximize) g = -g;
  g = g + static_cast<Real>(options.weight_decay) * w;
  state[0] = smoothing * state[0] + fresh * (g * g);
  const Real update = std::sqrt(state[1] + epsilon) / std::sqrt(state[0] + epsilon) * g;
  state[1] = smoothing * state[1] + fresh * (update * update);
  w = w - static_cast<Real>(options.learning_rate) * update;
}

struct AdamOptions : CommonOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  bool amsgrad = false;
  bool decoupled = false;
};

//   coupled    g = g + weightDecay w          decoupled  w = w - learningRate weightDecay w
//   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  amsgrad: x = max(x, v)
//   w = w - learningRate / (1 - beta1^step) m / (sqrt(v or x) / sqrt(1 - beta2^step) + epsilon)
// State: m, v, x.
template <class Real>
void adam(const AdamOptions& options, uint64_t step, Real g, Real& w, Real* state) {
  if (options.maximize) g = -g;
  if (options.decoupled) {
    w = w - static_cast<Real>(options.learning_rate * static_cast<Real>(options.weight_decay)) * w;
  } else {
    g = g + static_cast<Real>(options.weight_decay) * w;
  }
  state[0] = static_cast<Real>(options.beta1) * state[0] + static_cast<Real>(1 - options.beta1) * g;
  state[1] = static_cast<Real>(options.beta2) * state[1] + static_cast<Real>(1 - options.beta2) * (g * g);
  Real variance = state[1];
  if (options.amsgrad) {
    if (variance > state[2]) state[2] = variance;
    variance = state[2];
  }
  const auto rate = static_cast<Real>(options.learning_rate / (1 - std::pow(options.beta1, step)));
  const auto correction = static_cast<Real>(std::sqrt(1 - std::pow(options.beta2, step)));
  w = w - rate * state[0] / (std::sqrt(variance) / correction + static_cast<Real>(options.epsilon));
}

struct PenaltyOptions : CommonOptions {
  double epsilon = 1e-10;  // proximal AdaGrad
  double beta = 1;         // FTRL
  double l1 = 0;
  double l2 = 0;
};

//   s = s + g^2,  rate = learningRate / (sqrt(s) + epsilon),  v = w - rate g
//   w = sign(v) max(|v| - rate l1, 0) / (1 + rate l2), left alone while s is 0
// State: s.
template <class Real>
void proximal_adagrad(const PenaltyOptions& options, uint64_t /*step*/, Real g, Real& w, Real* state) {
  if (options.maximize) g = -g;
  state[0] = state[0] + g * g;
  if (state[0] == 0) return;
  const Real rate =
      static_cast<Real>(options.learning_rate) / (std::sqrt(state[0]) + static_cast<Real>(options.epsilon));
  const Real v = w - rate * g;
  Real kept = std::abs(v) - rate * static_cast<Real>(options.l1);
  if (kept < 0) kept = 0;
  w = std::copysign(kept, v) / (Real{1} + rate * static_cast<Real>(options.l2));
}

//   z = z + g,  s = s + g^2
//   w = -sign(z) learningRate max(|z| - l1 step, 0) / (sqrt(s) + l2 step learningRate)
// State: z, s.
template <class Real>
void adagrad_dual_averaging(const PenaltyOptions& options, uint64_t step, Real g, Real& w, Real* state) {
  const auto steps = static_cast<double>(step);
  if (options.maximize) g = -g;
  state[0] = state[0] + g;
  state[1] = state[1] + g * g;
  Real kept = std::abs(state[0]) - static_cast<Real>(static_cast<Real>(options.l1) * steps);
  if (kept < 0) kept = 0;
  const auto l2 = static_cast<Real>(static_cast<Real>(options.l2) * steps * options.learning_rate);
  const Real size = static_cast<Real>(options.learning_rate) * kept / (std::sqrt(state[1]) + l2);
  w = size == 0 ? 0 : std::copysign(size, -state[0]);
}

//   sigma = (sqrt(n + g^2) - sqrt(n)) / learningRate,  z = z + g - sigma w,  n = n + g^2
//   w = 0 if |z| <= l1, else -(z - sign(z) l1) / ((beta + sqrt(n)) / learningRate + l2); left alone while n is 0
// State: z, n.
template <class Real>
void ftrl(const PenaltyOptions& options, uint64_t /*step*/, Real g, Real& w, Real* state) {
  const auto rate = static_cast<Real>(options.learning_rate);
  if (options.maximize) g = -g;
  const Real n = state[1] + g * g;
  const Real sigma = (std::sqrt(n) - std::sqrt(state[1])) / rate;
  state[0] = state[0] + g - sigma * w;
  state[1] = n;
  if (n == 0) return;
  const Real beyond = std::abs(state[0]) - static_cast<Real>(options.l1);
  const Real size = beyond / ((static_cast<Real>(options.beta) + std::sqrt(n)) / rate + static_cast<Real>(options.l2));
  w = beyond <= 0 ? 0 : std::copysign(size, -state[0]);
}

}  // namespace gradloom::reference
