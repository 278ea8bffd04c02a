// Max and average pooling by their definitions, in double: kernels/pooling/max_pool.h has the rules for ties, padding
// and NaN, kernels/pooling/average_pool.h those for what counts.
//   y[p, c] = max over the pixels q of the window of p that lie on the image of x[q, c]
//   dx[q, c] = sum of dy[p, c] over the p that q has won
// and, for averages,
//   y[p, c] = sum over the same pixels q of x[q, c] / count of p, dx[q, c] = sum of dy[p, c] / count of p
#pragma once

#include <cstdint>

#include "kernels/pooling/average_pool.h"
#include "kernels/window2d.h"

namespace gradloom::reference {

// One image. winner[p, c] is the pixel h * W + w that y[p, c] came from.
void max_pool(const Window2d& window, int64_t channels, const double* x, double* y, int32_t* winner);

// Overwrites dx.
void max_pool_backward(const Window2d& window, int64_t channels, const double* dy, const int32_t* winner, double* dx);

// One image.
void average_pool(const Window2d& window, CountPadding padding, int64_t channels, const double* x, double* y);

// Overwrites dx.
void average_pool_backward(const Window2d& window, CountPadding padding, int64_t channels, const double* dy,
                           double* dx);

}  // namespace gradloom::reference
