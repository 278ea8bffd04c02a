// What an objective says of a network over a set of samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "training/inference/forward_passes.h"
#include "training/inference/predict.h"
#include "training/network/network.h"
#include "training/plan/plan_pool.h"
#include "training/run/objective.h"

namespace gradloom {

// Loss and metrics, with plans and buffers of its own. Forward passes go over several batches at once, as far as their
// outputs are few, so that threads have pieces of their own; sums are made over batches.
class Evaluation {
 public:
  Evaluation(std::shared_ptr<Network> network, std::shared_ptr<const Objective> objective, const ArraySamples& samples,
             const PassOptions& options);

  // Floats that layers make of their weights in a run.
  int64_t prepared_floats() { return plans_.prepared_floats(); }

  // Nothing when `stop` was set before it was done.
  std::optional<ObjectiveResult> run(Team& team, const std::atomic<bool>& stop);

 private:
  std::shared_ptr<Network> network_;
  std::shared_ptr<const Objective> objective_;
  const ArraySamples& samples_;
  const int64_t batch_;
  const int64_t group_;  // samples whose outputs are kept: whole batches
  PlanPool plans_;
  ForwardPasses passes_;
  BatchObjective of_batch_;
  std::optional<BatchObjective> of_rest_;
  AlignedBuffer outputs_;
};

}  // namespace gradloom
