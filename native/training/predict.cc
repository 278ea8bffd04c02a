#include "training/predict.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/choice.h"
#include "training/reading_lock.h"

namespace gradloom {
namespace {

// A predicting network draws no random numbers.
constexpr RandomState kNoRandom{0, 0};

}  // namespace

std::unique_ptr<Plan> PlanPool::take(const std::shared_ptr<const Architecture>& architecture,
                                     const PlanOptions& options) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = std::find_if(plans_.rbegin(), plans_.rend(), [&](const auto& plan) {
      return plan->batch() == options.batch && plan->threads() == options.threads;
    });
    if (found != plans_.rend()) {
      std::unique_ptr<Plan> plan = std::move(*found);
      plans_.erase(std::next(found).base());
      return plan;
    }
  }
  return std::make_unique<Plan>(architecture, options);
}

void PlanPool::give_back(std::unique_ptr<Plan> plan) {
  const std::lock_guard guard(mutex_);
  if (plans_.size() == kKept) plans_.erase(plans_.begin());
  plans_.push_back(std::move(plan));
}

void predict(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
             const std::atomic<bool>& stop, float* outputs) {
  if (samples.count() == 0) return;
  const int64_t batch = std::min(options.batch, samples.count());
  const int64_t output_size = network.architecture().output_shape().size();
  const int threads = choose_threads_of_call(options.threads, forward_work(network.architecture(), samples, batch),
                                             forward_work(network.architecture(), samples, samples.count()));
  Team::run(threads, [&](Team& team) {
    const ReadingLock weights(network);
    for (int64_t first = 0; first < samples.count() && !stop.load(std::memory_order_relaxed); first += batch) {
      const int64_t count = std::min(batch, samples.count() - first);
      auto plan = plans.take(network.shared_architecture(), {count, Phase::kPredicting, threads});
      plan->load(team, samples, nullptr, first);
      plan->forward(team, network.weights(), kNoRandom);
      std::copy_n(plan->output(), count * output_size, outputs + first * output_size);
      plans.give_back(std::move(plan));
    }
  });
}

Evaluation::Evaluation(std::shared_ptr<Network> network, std::shared_ptr<const Objective> objective,
                       const ArraySamples& samples, const PassOptions& options)
    : network_(std::move(network)),
      objective_(std::move(objective)),
      samples_(samples),
      full_{Plan(network_->shared_architecture(),
                 {std::min(options.batch, samples.count()), Phase::kPredicting, options.threads}),
            BatchObjective(objective_, std::min(options.batch, samples.count()))} {
  const int64_t rest = samples.count() % full_.plan.batch();
  if (rest > 0) {
    rest_.emplace(Batch{Plan(network_->shared_architecture(), {rest, Phase::kPredicting, options.threads}),
                        BatchObjective(objective_, rest)});
  }
}

std::optional<ObjectiveResult> Evaluation::run(Team& team, const std::atomic<bool>& stop) {
  ObjectiveTotals totals = objective_->empty_totals(samples_.count());
  const ReadingLock weights(*network_);
  for (int64_t first = 0; first < samples_.count(); first += full_.plan.batch()) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    Batch& batch = samples_.count() - first < full_.plan.batch() ? *rest_ : full_;
    batch.plan.load(team, samples_, nullptr, first);
    batch.objective.load_targets(samples_, nullptr, first);
    batch.plan.forward(team, network_->weights(), kNoRandom);
    batch.objective.compute(team, batch.plan.output(), nullptr);
    batch.objective.add_to(totals);
  }
  return objective_->result(totals);
}

}  // namespace gradloom
