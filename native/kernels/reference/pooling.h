// Max pooling by its definition, in double: kernels/max_pool.h has the rules for ties, padding and NaN.
//   y[p, c] = max over the pixels q of the window of p that lie on the image of x[q, c]
//   dx[q, c] = sum of dy[p, c] over the p that q has won
#pragma once

#include <cstdint>

#include "kernels/window2d.h"

namespace gradloom::reference {

// One image. winner[p, c] is the pixel h * W + w that y[p, c] came from.
void max_pool(const Window2d& window, int64_t channels, const double* x, double* y, int32_t* winner);

// Overwrites dx.
void max_pool_backward(const Window2d& window, int64_t channels, const double* dy, const int32_t* winner, double* dx);

}  // namespace gradloom::reference
