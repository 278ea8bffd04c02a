#include "training/epoch_loop.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <vector>

#include "common/error.h"
#include "common/random.h"
#include "kernels/choice.h"
#include "training/predict.h"
#include "training/train_step.h"

namespace gradloom {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Fisher-Yates from the words of the epoch's stream; word * n / 2^32 is uniform to within n / 2^32.
void shuffle(std::vector<uint32_t>& order, uint64_t seed, uint64_t epoch) {
  std::iota(order.begin(), order.end(), 0U);
  const RandomStream random(seed, RandomPurpose::kShuffle, 0, epoch);
  PhiloxBlock words{};
  for (size_t i = order.size() - 1; i > 0; --i) {
    const size_t drawn = order.size() - 1 - i;
    if (drawn % 4 == 0) words = random.block(drawn / 4);
    std::swap(order[i], order[static_cast<size_t>(uint64_t{words[drawn % 4]} * (i + 1) >> 32)]);
  }
}

class Run {
 public:
  Run(Learner& learner, const ArraySamples& train, const ArraySamples* validation, const FitOptions& options,
      int threads, const std::atomic<bool>& stop, RunObserver& observer)
      : learner_(learner),
        train_(train),
        options_(options),
        stop_(stop),
        observer_(observer),
        totals_(learner.objective()->empty_totals(train.count())),
        step_(learner, std::min(options.batch, train.count()), threads) {
    const int64_t rest = train.count() % step_.batch();
    if (rest > 0) last_step_.emplace(learner, rest, threads);
    if (validation != nullptr) {
      validation_.emplace(learner.shared_network(), learner.objective(), *validation,
                          PassOptions{options.batch, threads});
    }
    if (options.shuffle == Shuffle::kEachEpoch) order_.resize(static_cast<size_t>(train.count()));
  }

  FitEnd operator()(Team& team) {
    for (int64_t i = 0; i < options_.epochs; ++i) {
      if (!epoch(team)) return FitEnd::kStopped;
    }
    return FitEnd::kCompleted;
  }

 private:
  // False when it was stopped. An epoch counts once its last step is done, also when its validation is then stopped.
  bool epoch(Team& team) {
    const uint64_t number = learner_.epochs + 1;
    const Clock::time_point start = Clock::now();
    if (!order_.empty()) shuffle(order_, learner_.seed(), learner_.epochs);
    learner_.objective()->reset(totals_);
    const int64_t batches = ceil_divide(train_.count(), step_.batch());
    int64_t skipped = 0;
    for (int64_t batch = 0; batch < batches; ++batch) {
      if (stop_.load(std::memory_order_relaxed)) return false;
      skipped += step(team, batch, batches) == StepOutcome::kSkipped;
      report_progress(number, batch + 1, batches);
    }
    ++learner_.epochs;
    const double seconds = seconds_since(start);
    std::optional<ObjectiveResult> judged;
    if (validation_) {
      judged = validation_->run(team, stop_);
      if (!judged) return false;
    }
    observer_.on_epoch({number, learner_.steps, skipped, seconds, train_.count(), learner_.objective()->result(totals_),
                        judged ? &*judged : nullptr});
    return true;
  }

  StepOutcome step(Team& team, int64_t batch, int64_t batches) {
    TrainStep& step = last_step_ && batch == batches - 1 ? *last_step_ : step_;
    return step.run(team, train_, order_.empty() ? nullptr : order_.data(), batch * step_.batch(), totals_);
  }

  void report_progress(uint64_t epoch, int64_t batch, int64_t batches) {
    if (options_.progress_interval == 0 || seconds_since(reported_) < options_.progress_interval) return;
    reported_ = Clock::now();
    observer_.on_progress({epoch, batch, batches, learner_.objective()->running_result(totals_)});
  }

  Learner& learner_;
  const ArraySamples& train_;
  FitOptions options_;
  const std::atomic<bool>& stop_;
  RunObserver& observer_;
  ObjectiveTotals totals_;
  TrainStep step_;
  std::optional<TrainStep> last_step_;  // for the rest of an epoch
  std::optional<Evaluation> validation_;
  std::vector<uint32_t> order_;
  Clock::time_point reported_ = Clock::now();
};

}  // namespace

FitEnd fit(Learner& learner, const ArraySamples& train, const ArraySamples* validation, const FitOptions& options,
           const std::atomic<bool>& stop, RunObserver& observer) {
  if (train.count() == 0 || (validation != nullptr && validation->count() == 0)) {
    throw Error("INVALID_DATA", "fit: the dataset is empty");
  }
  const int64_t batch = std::min(options.batch, train.count());
  const int threads = choose_threads(options.threads, batch * learner.network().architecture().training_flops());
  Run run(learner, train, validation, options, threads, stop, observer);
  FitEnd end = FitEnd::kCompleted;
  Team::run(threads, [&](Team& team) {
    try {
      end = run(team);
    } catch (const Stopped&) {
      end = FitEnd::kStopped;
    }
  });
  return end;
}

}  // namespace gradloom
