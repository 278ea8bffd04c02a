// The activations of kernels/activation/activation.h by their equations, in double, over one row of `columns` values.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"

namespace gradloom::reference {

// y = activation(z); softmax and logSoftmax over the row. y may be z.
void activate(Activation activation, int64_t columns, const double* z, double* y);

// The gradient of the loss by y becomes the one by z, in place:
//   elementwise  dz[i] = dy[i] activation'(z[i])
//   softmax      dz[i] = y[i] (dy[i] - sum over j of dy[j] y[j])
//   logSoftmax   dz[i] = dy[i] - e^y[i] sum over j of dy[j]
void activation_backward(Activation activation, int64_t columns, const double* y, double* gradient);

}  // namespace gradloom::reference
