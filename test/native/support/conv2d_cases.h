// Convolutions as layers, beside their reference.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/reference/convolution.h"
#include "layers/conv2d/conv2d.h"
#include "support/random_data.h"
#include "support/specs.h"

namespace gradloom::test {

struct ConvolutionValues {
  std::vector<double> z, dx, weight, bias;
};
ConvolutionValues reference_of(const reference::Convolution& shape, const std::vector<double>& x,
                               const std::vector<double>& weight, const double* bias, const std::vector<double>& dz);

// A convolution with these sizes as a layer.
Conv2d conv2d_layer(const reference::Convolution& shape, Conv2dOptions options);

enum class Relaid { kNot, kInRows, kInLanes, kWithoutGradient };  // by Layer::in_rows, in_lanes, without_gradient

// Of integers, forward and backward, on 1 to 3 threads.
void check_integers(RandomData& random, const reference::Convolution& shape, const std::string& kernel,
                    Relaid relaid = Relaid::kNot);

reference::Convolution random_convolution(RandomData& random);

}  // namespace gradloom::test
