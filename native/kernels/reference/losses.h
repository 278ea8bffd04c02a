// The losses by their equations, in double. One row of C outputs; the value is that of the row, `gradient`
// receives dvalue/doutput. A batch's loss is the mean over its rows.
#pragma once

#include <cstdint>

namespace gradloom::reference {

// z: logits, y: the class.
//   value = ln(sum over i of e^z[i]) - z[y]      gradient[i] = e^z[i] / (sum over j of e^z[j]) - (i == y)
double softmax_cross_entropy(int64_t columns, const double* z, int32_t target, double* gradient);

// q: any weights of the classes, for instance a distribution, p[i] = e^z[i] / (sum over j of e^z[j]).
//   value = - sum over i of q[i] ln p[i]      gradient[i] = p[i] (sum over j of q[j]) - q[i]
double softmax_cross_entropy(int64_t columns, const double* z, const double* q, double* gradient);

// z: logits, t: targets in [0, 1], p = 1 / (1 + e^-z), w: what a yes counts, one an output.
//   value = mean over i of -w t ln p - (1 - t) ln(1 - p)      gradient[i] = (-w t (1 - p) + (1 - t) p) / C
double sigmoid_binary_cross_entropy(int64_t columns, const double* z, const double* targets,
                                    const double* positive_weight, double* gradient);

//   value = mean over i of (y - t)^2      gradient[i] = 2 (y - t) / C
double mean_squared_error(int64_t columns, const double* y, const double* targets, double* gradient);

//   value = mean over i of |y - t|      gradient[i] = sign(y - t) / C
double mean_absolute_error(int64_t columns, const double* y, const double* targets, double* gradient);

// e = y - t
//   value = mean over i of e^2 / 2 or delta (|e| - delta / 2), the latter where |e| > delta
//   gradient[i] = e / C or delta sign(e) / C
double huber(int64_t columns, const double* y, const double* targets, double delta, double* gradient);

// The value and gradient of huber with delta = beta, over beta.
double smooth_l1(int64_t columns, const double* y, const double* targets, double beta, double* gradient);

// s = 1 where t > 0, else -1
//   value = mean over i of max(0, 1 - s f)^power      gradient[i] = -power s max(0, 1 - s f)^(power - 1) / C, 0 where
//   s f >= 1
double hinge(int64_t columns, const double* f, const double* targets, int power, double* gradient);

//   value = mean over i of e^z - t z      gradient[i] = (e^z - t) / C
double poisson(int64_t columns, const double* z, const double* targets, double* gradient);

}  // namespace gradloom::reference
