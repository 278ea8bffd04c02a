// Gradients of a network for a given gradient of its output, without an update.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "datasets/array_samples.h"
#include "training/network/network.h"
#include "training/plan/plan.h"

namespace gradloom {

struct Differentiation {
  std::vector<float> output;
  std::vector<std::vector<float>> input_gradients;  // of sparse samples one a value of an entry; none of ids
  // In file layout; of a statistic its next value, of a frozen parameter zeros.
  std::vector<std::vector<float>> parameter_gradients;
};

// Forward in training mode over all samples in one batch, then backward from `output_gradient`.
Differentiation differentiate(Network& network, const ArraySamples& samples, const float* output_gradient, int threads,
                              const RandomState& random);
// The same for `batch` samples of floats at `input`.
Differentiation differentiate(Network& network, int64_t batch, const float* input, const float* output_gradient,
                              int threads, const RandomState& random);

}  // namespace gradloom
