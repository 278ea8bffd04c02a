// The outputs of a network for all samples of a set.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "training/network/network.h"
#include "training/plan/plan_pool.h"
#include "training/threads/thread_search.h"

namespace gradloom {

struct PassOptions {
  int64_t batch;
  int threads;  // 0: all that are available
};

// outputs[i] = the network's output for sample i; the weights stay those of one moment for the whole call. Returns
// early when `stop` is set.
void predict(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
             const std::atomic<bool>& stop, SpareTeam& team, float* outputs);
// The same on the calling thread and those that stand by, without an end before the last sample. The searches go on
// from call to call.
void predict_now(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
                 CallTeam& team, ThreadSearches& searches, float* outputs);

}  // namespace gradloom
