// Where the time of training steps goes: every part of them, how long it takes, and what it does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/array_samples.h"
#include "training/plan/plan.h"
#include "training/run/learner.h"

namespace gradloom {

struct ProfileOptions {
  int64_t batch;
  int64_t steps;
  int threads;                    // 0: all available
  bool searches_threads = false;  // as a run does
};

struct ProfiledPart {
  std::string name;  // a layer's; "conversion" of the layout between two; "gather", "loss", "grouping", "update"
  std::string pass;  // "forward", "backward"; empty for what is no layer
  std::string kernel;
  double seconds;  // a step of the quickest stretch of steps (StepClock)
  Plan::Work work;
};

struct StepProfile {
  int threads;
  std::vector<ProfiledPart> parts;  // in the order in which they run
  double seconds;                   // of all of them together
  std::vector<double> steps;        // seconds of each step
};

// Trains so many steps on consecutive batches of `samples`, from the start again at their end, with the bits of a run
// over them, behind a few that are not timed. Looking at the clock takes some 25 ns a part. Throws INVALID_DATA for
// fewer samples than a batch, and what a step throws.
StepProfile profile_steps(Learner& learner, const ArraySamples& samples, const ProfileOptions& options);

}  // namespace gradloom
