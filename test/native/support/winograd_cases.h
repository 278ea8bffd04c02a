// Convolutions by Winograd on normal values, beside their reference.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "kernels/reference/convolution.h"
#include "kernels/window2d.h"
#include "layers/conv2d/conv2d.h"
#include "support/random_data.h"
#include "support/specs.h"

namespace gradloom::test {

Window2d window_of(const Extent2d& taps, const Extent2d& input, const Padding2d& padding,
                   const Extent2d& dilation = {1, 1}, const Extent2d& stride = {1, 1});
Window2d window3(const Extent2d& input, const Padding2d& padding, const Extent2d& dilation = {1, 1});

Conv2d winograd_layer(const reference::Convolution& shape, Conv2dOptions options,
                      const std::string& kernel = "winograd");

// Maps, paddings, channels and batches that are no multiples of anything.
reference::Convolution random_winograd(RandomData& random, const Extent2d& dilation = {1, 1},
                                       const Extent2d& taps = {3, 3}, const Extent2d& stride = {1, 1});

// Forward, backward and prediction, on 1 to 3 threads, within the error bound that kernels/winograd/conv2d.h states.
// `kernel`: as asked for; `chosen`: as it then is.
void check_normal(RandomData& random, const reference::Convolution& shape, const std::string& activation_name,
                  const std::string& kernel = "winograd", const std::string& chosen = "winograd");

void check_bits_of_threads(RandomData& random, const Conv2d& layer, int64_t batch, std::initializer_list<int> counts);

}  // namespace gradloom::test
