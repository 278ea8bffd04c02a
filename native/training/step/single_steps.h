// Steps that are made one at a time, on batches that the caller brings: compiled for a batch size, and kept for the
// next one of that size.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "datasets/array_samples.h"
#include "training/run/learner.h"
#include "training/step/train_step.h"

namespace gradloom {

class SingleSteps {
 public:
  explicit SingleSteps(std::shared_ptr<Learner> learner) : learner_(std::move(learner)) {}

  // One step on all of `samples` (at least 1), with the bits that an epoch of one batch has; `threads` 0: all
  // available. The mean loss before the update, NaN of a step that was left out. Throws what a step throws.
  double run(const ArraySamples& samples, int threads);

 private:
  static constexpr size_t kKept = 4;

  TrainStep& step_for(const ArraySamples& samples, int threads);
  void make_room(int64_t batch);

  struct Compiled {
    int threads;
    int64_t bytes;
    std::unique_ptr<TrainStep> step;
  };

  int64_t bytes() const;

  std::shared_ptr<Learner> learner_;
  std::shared_ptr<StepGradients> gradients_;  // of all plans; null where updates stand right behind each gradient
  std::vector<Compiled> compiled_;            // the most recently used last
  ObjectiveTotals totals_;
  int64_t most_samples_ = 0;  // that `totals_` has room for
};

}  // namespace gradloom
