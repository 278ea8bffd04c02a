// One optimizer step on one batch, or a part of one on several, compiled for a batch size.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "training/plan/plan.h"
#include "training/profile/inspection.h"
#include "training/run/learner.h"
#include "training/step/gradient_sinks.h"
#include "training/step/step_gradients.h"
#include "training/step/update_all.h"
#include "training/tables/hogwild_buffers.h"
#include "training/tables/shared_tables.h"
#include "training/threads/step_locks.h"

namespace gradloom {

enum class StepOutcome {
  kUpdated,
  kSkipped,
  kGathered,  // the gradients wait for the rest of their group
};

// Whether a batch is the last one of its step.
enum class StepEnd { kHere, kLater };

class TrainStep {
 public:
  // `gradients` are shared by the plans of all batch sizes that steps are made of; needed for steps of several batches
  // only.
  TrainStep(Learner& learner, int64_t batch, int threads, std::shared_ptr<StepGradients> gradients = nullptr);

  int64_t batch() const { return plan_.batch(); }
  // Looks at the updates from here on, or at none when null; for steps that know all their gradients.
  void inspect(Inspection* inspection) { inspection_ = inspection; }
  // Times every step from here on, unless it is null.
  void time(StepClock* clock) {
    clock_ = clock;
    plan_.time(clock);
  }
  const Plan& plan() const { return plan_; }
  // Of the last batch, also where no layer needed it: for Plan::work, which counts the rows that were touched.
  void group_entries(Team& team);
  UpdateBehind update_behind() const { return gradients_ == nullptr ? UpdateBehind::kEach : UpdateBehind::kAll; }
  // Changes the images of every batch from here on.
  void augment(const Augmentation& augmentation) { augmentation_ = augmentation; }
  // Room for every batch of these samples, so that no step has to make any.
  void reserve(const ArraySamples& samples) {
    plan_.reserve(samples);
    shared_tables_.reserve(plan_.architecture(), samples, batch());
  }

  // Trains on samples order[first], order[first + 1], ... (or first, first + 1, ... when order is null) and adds their
  // loss and metrics, as they were before the update, to `totals`. Alone with the network, and computing alone in the
  // process. Throws NOT_FINITE by the learner's policy, and Stopped where a loss waits.
  StepOutcome run(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first,
                  ObjectiveTotals& totals, StepEnd end = StepEnd::kHere);

 private:
  using Sinks = std::vector<std::unique_ptr<GradientSink>>;

  void end_part(StepPart part) {
    if (clock_ != nullptr) clock_->end_part(part);
  }

  void load(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first);
  double judge(Team& team, StepLocks& locks);
  StepOutcome finish(Team& team);
  RandomState random() const;
  [[noreturn]] void report_loss(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first);
  void report_tables(int shared);
  void report_gradients();

  Learner& learner_;
  Plan plan_;
  BatchObjective objective_;
  SharedTables shared_tables_;
  HogwildBuffers hogwild_buffers_;
  std::shared_ptr<StepGradients> gradients_;  // null when updates stand right behind each gradient
  std::unique_ptr<UpdateAll> update_all_;
  Inspection* inspection_ = nullptr;
  StepClock* clock_ = nullptr;
  Augmentation augmentation_;
  Sinks sinks_;                            // one a layer
  std::vector<BufferingSink*> buffering_;  // the same ones, when they do not
  std::vector<UpdatingSink*> updating_;    // the same ones, when they update at once
};

}  // namespace gradloom
