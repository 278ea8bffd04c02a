// Forward passes over sets of samples: predictions and evaluations.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "kernels/choice.h"
#include "training/network.h"
#include "training/objective.h"
#include "training/plan.h"
#include "training/thread_search.h"

namespace gradloom {

struct PassOptions {
  int64_t batch;
  int threads;  // 0: all that are available
};

// Of one network: plans kept from one prediction to the next, so that a prediction of one sample does not pay for a
// plan.
class PlanPool {
 public:
  PredictionShape shape(const Architecture& architecture);
  std::unique_ptr<Plan> take(const std::shared_ptr<const Architecture>& architecture, const PlanOptions& options);
  void give_back(std::unique_ptr<Plan> plan);

 private:
  std::mutex mutex_;
  std::optional<PredictionShape> shape_;
  // Some sizes of batches, and one a thread that works by itself.
  size_t kept_ = 4 + static_cast<size_t>(resolve_threads(0));
  std::vector<std::unique_ptr<Plan>> plans_;  // the most recently used last
};

// outputs[i] = the network's output for sample i; the weights stay those of one moment for the whole call. Returns
// early when `stop` is set.
void predict(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
             const std::atomic<bool>& stop, SpareTeam& team, float* outputs);
// The same on the calling thread and those that stand by, without an end before the last sample. The searches go on
// from call to call.
void predict_now(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
                 CallTeam& team, ThreadSearches& searches, float* outputs);

// Loss and metrics of a network over a set, in plans of its own.
class Evaluation {
 public:
  Evaluation(std::shared_ptr<Network> network, std::shared_ptr<const Objective> objective, const ArraySamples& samples,
             const PassOptions& options);

  // Floats that layers make of their weights in a run.
  int64_t prepared_floats() const;

  // Nothing when `stop` was set before it was done.
  std::optional<ObjectiveResult> run(Team& team, const std::atomic<bool>& stop);

 private:
  struct Batch {
    Plan plan;
    BatchObjective objective;
  };

  std::shared_ptr<Network> network_;
  std::shared_ptr<const Objective> objective_;
  const ArraySamples& samples_;
  Batch full_;
  std::optional<Batch> rest_;
};

}  // namespace gradloom
