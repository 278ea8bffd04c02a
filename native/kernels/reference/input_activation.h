// The activations of kernels/activation/input_activation.h by their equations, in double, one value at a time.
#pragma once

#include "kernels/activation/input_activation.h"

namespace gradloom::reference {

double input_activation(InputActivation activation, double x);
double input_activation_derivative(InputActivation activation, double x);

}  // namespace gradloom::reference
