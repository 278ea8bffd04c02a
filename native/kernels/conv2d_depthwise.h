// Convolutions of one channel by one filter, as depthwise ones are, with small windows, whose weights then stay in
// registers for a whole image. Same sums in the same order as kernels/conv2d_direct.h, which leads here.
#pragma once

#include "kernels/conv2d_direct.h"
#include "kernels/conv2d_direct_gradient.h"

namespace gradloom {

// Windows of up to 3x3, and 5x5. Phases of strides have the small ones (kernels/input_phase.h).
bool depthwise_fits(const DirectShape& shape);
// As conv2d_direct_forward. `weights`: [R][S]; `bias`, of the one filter, may be null.
void conv2d_depthwise_forward(const DirectShape& shape, const float* x, const float* weights, const float* bias,
                              Activation activation, const DirectOutput& y);
// As conv2d_direct_weight_gradient.
void conv2d_depthwise_weight_gradient(const DirectShape& shape, const WeightGradientOperands& operands,
                                      Accumulate accumulate, float* gradient);

}  // namespace gradloom
