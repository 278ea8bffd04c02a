// What a prediction owes to each value of its sample: gradients of outputs or of the loss by the inputs, while the
// network stays as it is. Random layers and statistics do what they do when predicting.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "training/objective.h"
#include "training/predict.h"

namespace gradloom {

// The number of each sample that is differentiated: one of its outputs, or its loss.
struct Differentiand {
  // The place of the output of each sample, all in [0, outputs of the network); empty for the loss.
  std::vector<int64_t> outputs;
  // The loss, as it is for a batch of that sample alone; its labels have been checked. Null for outputs.
  std::shared_ptr<const Objective> objective;
};

// values[i] = the number of sample i; gradients[k][i, shape of input k] = its gradient by what is stored of that input,
// before the preprocessing. Null for inputs whose gradient is not wanted, or that are no floats and have none. The
// weights stay those of one moment for the whole call. Returns early when `stop` is set.
void input_gradient(Network& network, const ArraySamples& samples, const Differentiand& differentiand,
                    const PassOptions& options, const std::atomic<bool>& stop, float* values,
                    const std::vector<float*>& gradients);

}  // namespace gradloom
