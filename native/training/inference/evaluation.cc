#include "training/inference/evaluation.h"

#include <algorithm>
#include <utility>

#include "common/checked.h"
#include "training/threads/reading_lock.h"

namespace gradloom {
namespace {

// A piece; of a group and of the rest whole blocks of lanes, half of one and what is behind them.
constexpr int kSizesOfPasses = 7;

// A loss of whole batches may be JavaScript's, which sees one batch made after the other.
int64_t samples_of_group(const Objective& objective, int64_t count, int64_t batch) {
  constexpr int64_t kSamples = 256;
  constexpr int64_t kMostFloats = int64_t{1} << 20;
  if (objective.loss().whole_batches()) return batch;
  const int64_t most = std::min({kSamples, count, kMostFloats / objective.outputs()});
  return std::max<int64_t>(1, most / batch) * batch;
}

}  // namespace

Evaluation::Evaluation(std::shared_ptr<Network> network, std::shared_ptr<const Objective> objective,
                       const ArraySamples& samples, const PassOptions& options)
    : network_(std::move(network)),
      objective_(std::move(objective)),
      samples_(samples),
      batch_(std::min(options.batch, samples.count())),
      group_(samples_of_group(*objective_, samples.count(), batch_)),
      plans_(kSizesOfPasses, options.threads),
      passes_(*network_, plans_, batch_, options.threads),
      of_batch_(objective_, batch_),
      outputs_(checked_multiply(group_, network_->architecture().output_shape().size())) {
  passes_.reserve(group_);
  if (const int64_t rest = samples.count() % group_; rest > 0) passes_.reserve(rest);
  if (const int64_t rest = samples.count() % batch_; rest > 0) of_rest_.emplace(objective_, rest);
}

std::optional<ObjectiveResult> Evaluation::run(Team& team, const std::atomic<bool>& stop) {
  ObjectiveTotals totals = objective_->empty_totals(samples_.count());
  const ReadingLock weights(*network_);
  const int64_t outputs = network_->architecture().output_shape().size();
  for (int64_t first = 0; first < samples_.count(); first += group_) {
    const int64_t count = std::min(group_, samples_.count() - first);
    passes_.run(team, samples_, first, count, stop, outputs_.data());
    for (int64_t done = 0; done < count; done += batch_) {
      if (stop.load(std::memory_order_relaxed)) return std::nullopt;
      BatchObjective& objective = count - done < batch_ ? *of_rest_ : of_batch_;
      objective.load_targets(samples_, nullptr, first + done);
      objective.compute(team, outputs_.data() + done * outputs, nullptr);
      objective.add_to(totals);
    }
  }
  return objective_->result(totals);
}

}  // namespace gradloom
