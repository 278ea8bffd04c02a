#include "training/step/single_steps.h"

#include <algorithm>

#include "kernels/work_sizes.h"
#include "training/plan/plan.h"

namespace gradloom {
namespace {

int64_t bytes_of_step(Learner& learner, const ArraySamples& samples, int threads,
                      const std::shared_ptr<StepGradients>& gradients) {
  if (!learner.has_memory_limit()) return 0;
  const MemoryTally tally;
  TrainStep(learner, samples.count(), threads, gradients).reserve(samples);
  return tally.bytes();
}

}  // namespace

double SingleSteps::run(const ArraySamples& samples, int requested) {
  const int64_t batch = samples.count();
  const Architecture& architecture = learner_->network().architecture();
  const int64_t work = training_work(architecture, samples, batch);
  const int threads = choose_threads_of_call(requested, work, work);
  try {
    TrainStep& step = step_for(samples, threads);
    step.reserve(samples);
    make_room(batch);
    Team::run(threads, [&](Team& team) { step.run(team, samples, nullptr, 0, totals_); });
  } catch (...) {
    // What has been gathered of a step that failed must not reach the next one.
    compiled_.clear();
    gradients_.reset();
    throw;
  }
  return learner_->objective()->running_result(totals_).loss;
}

int64_t SingleSteps::bytes() const {
  int64_t bytes = gradients_ == nullptr ? 0 : gradients_->size() * static_cast<int64_t>(sizeof(float));
  for (const Compiled& each : compiled_) bytes += each.bytes;
  return bytes;
}

TrainStep& SingleSteps::step_for(const ArraySamples& samples, int threads) {
  const int64_t batch = samples.count();
  const auto found = std::find_if(compiled_.begin(), compiled_.end(), [&](const Compiled& each) {
    return each.step->batch() == batch && each.threads == threads;
  });
  if (found != compiled_.end()) {
    std::rotate(found, std::next(found), compiled_.end());
    return *compiled_.back().step;
  }
  if (gradients_ == nullptr && learner_->needs_all_gradients()) {
    gradients_ = std::make_shared<StepGradients>(learner_->network().architecture().gradients_size(), 1);
  }
  const int64_t needed = bytes_of_step(*learner_, samples, threads, gradients_);
  while (compiled_.size() == kKept || (!compiled_.empty() && !learner_->has_memory_for(bytes() + needed))) {
    compiled_.erase(compiled_.begin());
  }
  learner_->check_memory_for(bytes() + needed);
  compiled_.push_back({threads, needed, std::make_unique<TrainStep>(*learner_, batch, threads, gradients_)});
  return *compiled_.back().step;
}

void SingleSteps::make_room(int64_t batch) {
  if (batch > most_samples_) {
    totals_ = learner_->objective()->empty_totals(batch);
    most_samples_ = batch;
  }
  learner_->objective()->reset(totals_);
}

}  // namespace gradloom
