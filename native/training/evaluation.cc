#include "training/evaluation.h"

#include <algorithm>

#include "common/checked.h"
#include "training/reading_lock.h"

namespace gradloom {
namespace {

// A piece, whole blocks of lanes and what is behind them, of a batch and of the rest.
constexpr int kSizesOfPasses = 5;

}  // namespace

Evaluation::Evaluation(std::shared_ptr<Network> network, std::shared_ptr<const Objective> objective,
                       const ArraySamples& samples, const PassOptions& options)
    : network_(std::move(network)),
      objective_(std::move(objective)),
      samples_(samples),
      batch_(std::min(options.batch, samples.count())),
      plans_(kSizesOfPasses),
      passes_(*network_, plans_, batch_, options.threads),
      of_batch_(objective_, batch_),
      outputs_(checked_multiply(batch_, network_->architecture().output_shape().size())) {
  passes_.reserve(batch_);
  const int64_t rest = samples.count() % batch_;
  if (rest > 0) {
    passes_.reserve(rest);
    of_rest_.emplace(objective_, rest);
  }
}

std::optional<ObjectiveResult> Evaluation::run(Team& team, const std::atomic<bool>& stop) {
  ObjectiveTotals totals = objective_->empty_totals(samples_.count());
  const ReadingLock weights(*network_);
  for (int64_t first = 0; first < samples_.count(); first += batch_) {
    const int64_t count = std::min(batch_, samples_.count() - first);
    BatchObjective& objective = count < batch_ ? *of_rest_ : of_batch_;
    objective.load_targets(samples_, nullptr, first);
    passes_.run(team, samples_, first, count, stop, outputs_.data());
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    objective.compute(team, outputs_.data(), nullptr);
    objective.add_to(totals);
  }
  return objective_->result(totals);
}

}  // namespace gradloom
