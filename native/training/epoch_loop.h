// A run of training: epochs of steps over a set, with validation behind each, on the thread that calls it.
#pragma once

#include <atomic>
#include <cstdint>

#include "datasets/array_samples.h"
#include "training/learner.h"

namespace gradloom {

enum class Shuffle { kEachEpoch, kNever };

struct FitOptions {
  int64_t epochs;
  int64_t batch;
  Shuffle shuffle;
  int threads;               // 0: all that are available
  double progress_interval;  // seconds between two progress reports; 0: none
};

struct ProgressReport {
  uint64_t epoch;  // from 1, over all runs of the learner
  int64_t batch;   // batches of this epoch done
  int64_t batches;
  ObjectiveResult training;
};

struct EpochReport {
  uint64_t epoch;
  uint64_t steps;  // over all runs of the learner
  int64_t skipped_steps;
  double seconds;  // of training, without validation
  int64_t samples;
  ObjectiveResult training;
  const ObjectiveResult* validation;  // null without a validation set
};

// Told of a run by the training thread. on_epoch may take its time: the run goes on when it returns.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_progress(const ProgressReport& report) = 0;
  virtual void on_epoch(const EpochReport& report) = 0;
};

enum class FitEnd { kCompleted, kStopped };

// Trains `learner` until the epochs are done or `stop` is set, which is read before every step. Throws what a step
// throws.
FitEnd fit(Learner& learner, const ArraySamples& train, const ArraySamples* validation, const FitOptions& options,
           const std::atomic<bool>& stop, RunObserver& observer);

}  // namespace gradloom
