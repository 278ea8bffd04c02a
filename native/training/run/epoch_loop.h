// A run of training: epochs of steps over a set, with validation behind each, on the thread that calls it.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "datasets/array_samples.h"
#include "datasets/augmentation.h"
#include "training/profile/inspection.h"
#include "training/run/learner.h"
#include "training/run/snapshot.h"

namespace gradloom {

enum class Shuffle { kEachEpoch, kNever };

// The learning rates of steps to come, by the number of steps done before each. May wait for them.
class LearningRates {
 public:
  virtual ~LearningRates() = default;
  virtual double at(uint64_t step) = 0;
};

// When snapshots are taken; 0: not for that reason. One that is due waits while the observer takes none.
struct SnapshotTimes {
  uint64_t every_steps = 0;  // at multiples of them
  double every_seconds = 0;
  int64_t every_epochs = 0;
  bool at_end = false;
};

struct FitOptions {
  int64_t epochs;  // of the run, those before its start included
  int64_t batch;
  Shuffle shuffle;
  int threads;               // 0: all that are available
  double progress_interval;  // seconds between two progress reports; 0: none
  // Budgets of the run, what was before its start included.
  uint64_t most_steps = std::numeric_limits<uint64_t>::max();
  double most_seconds = std::numeric_limits<double>::infinity();
  SnapshotTimes snapshots = {};
  // Batches whose mean gradient makes a step; the last step of an epoch takes those that are left.
  int64_t batches_per_step = 1;
  LearningRates* learning_rates = nullptr;  // null: the optimizer's
  uint64_t inspect_every = 0;               // steps between two that are looked at; 0: none
  Augmentation augmentation = {};           // of samples that are images
  bool restore_kept = false;                // at the end, weights that were kept become the network's
};

// Where a run begins that is the rest of an earlier one. The learner is as it was then.
struct RunStart {
  RunPosition position;
  AlignedBuffer kept;  // like the network's weights, or empty
};

struct ProgressReport {
  uint64_t epoch;  // from 1, over all runs of the learner
  uint64_t steps;  // over all runs of the learner
  int64_t batch;   // batches of this epoch done
  int64_t batches;
  ObjectiveResult training;
};

struct EpochReport {
  uint64_t epoch;
  uint64_t steps;  // over all runs of the learner
  int64_t skipped_steps;
  double rate_scale;          // of the learner, in this epoch
  double seconds;             // of training, without validation
  double validation_seconds;  // 0 without a validation set
  int64_t samples;
  ObjectiveResult training;
  const ObjectiveResult* validation;  // null without a validation set
  double penalty;                     // of the regularizers, on the weights as they are now
};

struct InspectionReport {
  uint64_t step;  // that was looked at, from 1, over all runs of the learner
  double learning_rate;
  std::vector<ParameterFigures> parameters;
};

// What is asked of a run from outside; done between two steps.
struct RunRequests {
  bool snapshot = false;      // whether or not the observer takes one
  bool keep_weights = false;  // those of now, instead of any kept before
  std::optional<double> rate_scale = std::nullopt;
  double paused = 0;  // seconds that the observer has held the run up
};

// Told of a run by the training thread. All but on_progress may take their time: the run goes on when they return.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_progress(const ProgressReport& report) = 0;
  virtual void on_epoch(const EpochReport& report) = 0;
  // Before every step, and at the end.
  virtual RunRequests at_boundary() { return {}; }
  virtual bool takes_snapshots() { return true; }
  virtual void on_snapshot(Snapshot /*snapshot*/) {}
  // For runs over a stream: the samples of the next epoch, valid until the next call; null when there are no more, or
  // once the run is stopped. Waits, but no longer than `most_seconds`, for which it gives nothing.
  virtual std::optional<const ArraySamples*> next_samples(double /*most_seconds*/) { return nullptr; }
  virtual void on_inspection(InspectionReport /*report*/) {}
};

enum class FitEnd { kCompleted, kStopped, kOutOfSteps, kOutOfTime };

// Throws MEMORY_LIMIT, with the bytes that such a run would take, when the learner has no memory for them: for all
// tensors of its steps, of its validation, of weights that it keeps and of one snapshot. Allocates none of them.
void check_memory(Learner& learner, const ArraySamples& train, const ArraySamples* validation,
                  const FitOptions& options);

// Trains `learner` until the epochs are done, a budget is used up or `stop` is set, which is read before every step.
// Throws what a step throws, and SHAPE_MISMATCH for a start that does not fit.
FitEnd fit(Learner& learner, const ArraySamples& train, const ArraySamples* validation, const FitOptions& options,
           const std::atomic<bool>& stop, RunObserver& observer, RunStart start = {});

// The same over a stream: each epoch trains on what the observer has next, shuffled within, and the run is completed
// when there are no more. Throws MEMORY_LIMIT for a part that the learner has no memory for. For a run that is the rest
// of an earlier one the observer begins with the samples of the epoch that it starts in.
FitEnd fit_stream(Learner& learner, const ArraySamples* validation, const FitOptions& options,
                  const std::atomic<bool>& stop, RunObserver& observer, RunStart start = {});

}  // namespace gradloom
