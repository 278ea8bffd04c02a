// The gradient of a direct convolution's weights (kernels/conv2d/direct/weight_gradient.h) as products of matrices,
// where channels fill vectors: the input is transposed first, so that they and not samples lie in the lanes. Then a
// vector of the input serves several filters, and one of the gradient of the output all 16 samples, one after the
// other, which asks the caches for far less than tiles of sums over lanes, and no lane has to be summed up at the end.
// Letters as in kernels/conv2d/direct/direct.h.
#pragma once

#include <cstdint>

#include "kernels/conv2d/direct/direct.h"
#include "kernels/conv2d/direct/weight_gradient.h"
#include "kernels/gemm/gemm.h"

namespace gradloom {

// Whether it is the faster one, for all shapes but those of kernels/conv2d/pointwise.h.
bool gemm_gradient_pays(const DirectShape& shape);

WeightGradientTiles gemm_gradient_tiles(const DirectShape& shape, int64_t blocks);
// Floats that a job needs for itself.
int64_t gemm_gradient_scratch(const DirectShape& shape, int64_t channels);

// As conv2d_direct_weight_gradient, for pixels of dz that lie side by side.
void conv2d_gemm_weight_gradient(const DirectShape& shape, const WeightRange& range,
                                 const WeightGradientOperands& operands, Accumulate accumulate, float* scratch,
                                 float* gradient);

}  // namespace gradloom
