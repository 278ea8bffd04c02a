// What a prediction owes to each value of its sample: gradients of outputs or of the loss by the inputs, while the
// network stays as it is. Random layers and statistics do what they do when predicting.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "training/inference/predict.h"
#include "training/run/objective.h"

namespace gradloom {

// The number of each sample that is differentiated: one of its outputs, or its loss.
struct Differentiand {
  // The place of the output of each sample, all in [0, outputs of the network); empty for the loss.
  std::vector<int64_t> outputs;
  // The loss, as it is for a batch of that sample alone; its labels have been checked. Null for outputs.
  std::shared_ptr<const Objective> objective;
};

// Where the gradients by one input go. All null: nowhere, as those of ids.
struct InputGradientTarget {
  float* gradients = nullptr;  // [samples, shape of the input]; of sparse samples one a value of an entry, in order
  uint32_t* offsets =
      nullptr;  // of sparse samples: [samples + 1], sample i has the entries [offsets[i], offsets[i + 1])
};

// values[i] = the number of sample i; targets[k] = its gradients by what is stored of input k, before the
// preprocessing. The weights stay those of one moment for the whole call. Returns early when `stop` is set.
void input_gradient(Network& network, const ArraySamples& samples, const Differentiand& differentiand,
                    const PassOptions& options, const std::atomic<bool>& stop, float* values,
                    const std::vector<InputGradientTarget>& targets);

}  // namespace gradloom
