// The losses by their equations, in double. One row of C outputs; the value is that of the row, `gradient`
// receives dvalue/doutput. A batch's loss is the mean over its rows.
#pragma once

#include <cstdint>

namespace gradloom::reference {

// z: logits, y: the class.
//   value = ln(sum over i of e^z[i]) - z[y]      gradient[i] = e^z[i] / (sum over j of e^z[j]) - (i == y)
double softmax_cross_entropy(int64_t columns, const double* z, int32_t target, double* gradient);

// z: logits, t: targets in [0, 1], p = 1 / (1 + e^-z).
//   value = mean over i of -t ln p - (1 - t) ln(1 - p)      gradient[i] = (p - t) / C
double sigmoid_binary_cross_entropy(int64_t columns, const double* z, const double* targets, double* gradient);

//   value = mean over i of (y - t)^2      gradient[i] = 2 (y - t) / C
double mean_squared_error(int64_t columns, const double* y, const double* targets, double* gradient);

}  // namespace gradloom::reference
