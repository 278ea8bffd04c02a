// Activations whose derivative needs the input; Phi is the distribution function of the standard normal, phi its
// density and s the logistic function:
//   gelu      x Phi(x), derivative Phi(x) + x phi(x) (D. Hendrycks, K. Gimpel, arXiv:1606.08415)
//   geluTanh  x s(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): the same paper's approximation by tanh
//   silu      x s(x), derivative s(x) (1 + x s(-x)) (S. Elfwing et al., Neural Networks 107, 2018)
//   softplus  ln(1 + e^x), derivative s(x)
// NaN stays NaN in all of them.
#pragma once

#include <cstdint>

namespace gradloom {

enum class InputActivation { kGelu, kGeluTanh, kSilu, kSoftplus };

// y[i] = activation(x[i]) for n values.
void input_activation(InputActivation activation, int64_t n, const float* x, float* y);

// dx[i] = dy[i] activation'(x[i]).
void input_activation_backward(InputActivation activation, int64_t n, const float* x, const float* dy, float* dx);

}  // namespace gradloom
