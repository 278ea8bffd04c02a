#include "training/run/epoch_loop.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/random.h"
#include "kernels/work_sizes.h"
#include "training/inference/evaluation.h"
#include "training/step/train_step.h"
#include "training/threads/compute_lock.h"
#include "training/threads/reading_lock.h"
#include "training/threads/thread_search.h"

namespace gradloom {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Clock::duration to_duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

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

int threads_of_run(const Learner& learner, const ArraySamples& train, const FitOptions& options) {
  const int64_t batch = std::min(options.batch, train.count());
  return choose_threads_of_steps(options.threads, training_work(learner.network().architecture(), train, batch));
}

void restore(Learner& learner, const AlignedBuffer& kept) {
  if (kept.size() == 0) return;
  const std::unique_lock guard(learner.network().lock());
  learner.network().lend(nullptr);
  std::copy_n(kept.data(), kept.size(), learner.network().weights());
}

// `streams`: `train` is a part of a stream.
void check_memory_of_run(Learner& learner, const ArraySamples& train, bool streams, const ArraySamples* validation,
                         const FitOptions& options);

class Run {
 public:
  // `streams`: `train` is the first part of a stream.
  Run(Learner& learner, const ArraySamples& train, bool streams, const ArraySamples* validation,
      const FitOptions& options, int threads, const std::atomic<bool>& stop, RunObserver& observer, RunStart start)
      : learner_(learner),
        streams_(streams),
        options_(options),
        threads_(threads),
        validation_set_(validation),
        stop_(stop),
        observer_(observer),
        gradients_(gradients_of(learner, options)),
        step_(learner, streams ? options.batch : std::min(options.batch, train.count()), threads, gradients_),
        first_step_(learner.steps - start.position.steps),
        position_(std::move(start.position)),
        kept_(std::move(start.kept)) {
    if (validation != nullptr) {
      validation_.emplace(learner.shared_network(), learner.objective(), *validation,
                          PassOptions{options.batch, threads});
    }
    if (options.learning_rates != nullptr) learner.check_schedule();
    if (options.inspect_every > 0) inspection_.emplace(learner);
    step_.augment(options.augmentation);
    ObjectiveTotals begun = std::move(position_.epoch.totals);
    begin(train);
    if (position_.epoch.batches > 0) learner.objective()->restore(begun, position_.epoch.totals);
    note_snapshot();
  }

  // Room that a run makes later on, for a MemoryTally.
  void make_room_for_rest() {
    if (validation_) const AlignedBuffer prepared(validation_->prepared_floats());
    const Network& network = learner_.network();
    if (options_.restore_kept) kept_ = AlignedBuffer(network.architecture().weights_size());
    if (!options_.snapshots.at_end) return;
    TensorCopies copies(network.architecture());
    copies.add_weights(network.weights());
    copies.add_states(learner_);
    if (kept_.size() > 0) copies.add_weights(network.weights());
  }

  FitEnd operator()(Team& team) {
    const FitEnd end = train(team);
    serve_requests(team);
    // A custom loss may have been stopped in the midst of a step of several batches, which cannot be gone on with.
    const bool in_step = position_.epoch.batches % options_.batches_per_step != 0;
    if (options_.snapshots.at_end && (!in_step || position_.epoch.batches == epoch_batches())) snapshot(team, true);
    if (options_.restore_kept) restore(learner_, kept_);
    return end;
  }

 private:
  static std::shared_ptr<StepGradients> gradients_of(const Learner& learner, const FitOptions& options) {
    if (options.batches_per_step == 1 && options.inspect_every == 0) return nullptr;
    learner.check_no_tables(options.batches_per_step == 1 ? "inspect" : "batchesPerStep above 1", "leave it out");
    return std::make_shared<StepGradients>(learner.network().architecture().gradients_size(), options.batches_per_step);
  }

  // Makes room for all that steps on these samples need.
  void begin(const ArraySamples& train) {
    const bool grows = train_ == nullptr || train.count() > most_samples_;
    train_ = &train;
    most_samples_ = std::max(most_samples_, train.count());
    const int64_t rest = train.count() % step_.batch();
    if (rest > 0 && (!last_step_ || last_step_->batch() != rest)) {
      last_step_.emplace(learner_, rest, threads_, gradients_);
      last_step_->augment(options_.augmentation);
    }
    step_.reserve(train);
    if (last_step_) last_step_->reserve(train);
    if (options_.shuffle == Shuffle::kEachEpoch) order_.resize(static_cast<size_t>(train.count()));
    if (grows) position_.epoch.totals = learner_.objective()->empty_totals(train.count());
  }

  FitEnd train(Team& team) {
    try {
      while (position_.epochs < options_.epochs) {
        if (const auto end = epoch(team)) return *end;
        if (!streams_ || position_.epochs == options_.epochs) continue;
        const std::optional<const ArraySamples*> next = next_samples(team);
        if (!next) return FitEnd::kOutOfTime;
        if (*next == nullptr) return stop_.load() ? FitEnd::kStopped : FitEnd::kCompleted;
        check_memory_of_run(learner_, **next, true, validation_set_, options_);
        begin(**next);
      }
      return FitEnd::kCompleted;
    } catch (const Stopped&) {
      return FitEnd::kStopped;
    }
  }

  // Why the run ended, if it did. An epoch counts once its last step is done, also when its validation is then stopped.
  std::optional<FitEnd> epoch(Team& team) {
    EpochPosition& at = position_.epoch;
    const int64_t batches = epoch_batches();
    epoch_start_ = Clock::now() - to_duration(at.seconds);
    if (at.batches == 0) learner_.objective()->reset(at.totals);
    if (at.batches < batches) {
      const uint64_t number = learner_.epochs + 1;
      if (!order_.empty()) shuffle(order_, learner_.seed(), learner_.epochs);
      while (at.batches < batches) {
        // Nothing is asked of a run whose gradients wait for the rest of their step.
        if (at.batches % options_.batches_per_step == 0) {
          if (const auto end = before_step(team)) return end;
        } else if (!options_.snapshots.at_end && stop_.load(std::memory_order_relaxed)) {
          return FitEnd::kStopped;  // a run that leaves a checkpoint ends the step first
        }
        at.skipped += step(team, at.batches, batches) == StepOutcome::kSkipped;
        report_progress(number, ++at.batches, batches);
      }
      ++learner_.epochs;
      at.seconds = seconds_since(epoch_start_);
    }
    const Clock::time_point steps_done = Clock::now();
    std::optional<ObjectiveResult> judged;
    if (validation_) {
      judged = validation_->run(team, stop_);
      if (!judged) return FitEnd::kStopped;
    }
    observer_.on_epoch({learner_.epochs, learner_.steps, at.skipped, learner_.rate_scale, at.seconds,
                        judged ? seconds_since(steps_done) : 0, train_->count(),
                        learner_.objective()->result(at.totals), judged ? &*judged : nullptr,
                        learner_.network().architecture().penalty(learner_.network().weights())});
    ++position_.epochs;
    at.batches = 0;
    at.skipped = 0;
    at.seconds = 0;
    return std::nullopt;
  }

  // Nothing once the time is up, which a pause holds up.
  std::optional<const ArraySamples*> next_samples(Team& team) {
    for (;;) {
      if (const auto next = observer_.next_samples(options_.most_seconds - run_seconds())) return next;
      serve_requests(team);
      if (run_seconds() >= options_.most_seconds) return std::nullopt;
    }
  }

  // Why the run has to end before its next step, if it has to.
  std::optional<FitEnd> before_step(Team& team) {
    serve_requests(team);
    if (stop_.load(std::memory_order_relaxed)) return FitEnd::kStopped;
    if (due() && observer_.takes_snapshots()) snapshot(team, false);
    if (learner_.steps - first_step_ >= options_.most_steps) return FitEnd::kOutOfSteps;
    const bool timed = options_.most_seconds < std::numeric_limits<double>::infinity();
    if (timed && run_seconds() >= options_.most_seconds) return FitEnd::kOutOfTime;
    return std::nullopt;
  }

  void serve_requests(Team& team) {
    const RunRequests requests = observer_.at_boundary();
    epoch_start_ += to_duration(requests.paused);
    run_start_ += to_duration(requests.paused);
    if (requests.rate_scale) learner_.scale_rate(*requests.rate_scale);
    if (requests.keep_weights) {
      if (kept_.size() == 0) kept_ = AlignedBuffer(learner_.network().architecture().weights_size());
      const ReadingLock weights(learner_.network());
      std::copy_n(learner_.network().weights(), kept_.size(), kept_.data());
    }
    if (requests.snapshot) snapshot(team, false);
  }

  StepOutcome step(Team& team, int64_t batch, int64_t batches) {
    const bool is_rest = batch == batches - 1 && train_->count() % step_.batch() > 0;
    TrainStep& step = is_rest ? *last_step_ : step_;
    const bool ends = (batch + 1) % options_.batches_per_step == 0 || batch == batches - 1;
    if (options_.learning_rates != nullptr) learner_.learning_rate = options_.learning_rates->at(learner_.steps);
    const bool inspects = inspection_ && ends && (learner_.steps + 1) % options_.inspect_every == 0;
    step.inspect(inspects ? &*inspection_ : nullptr);
    const auto run = [&] {
      const SearchedStep searched(learner_.thread_search, team, !is_rest && ends && !inspects);
      return step.run(team, *train_, order_.empty() ? nullptr : order_.data(), batch * step_.batch(),
                      position_.epoch.totals, ends ? StepEnd::kHere : StepEnd::kLater);
    };
    const StepOutcome outcome = run();
    if (inspects && outcome == StepOutcome::kUpdated) {
      observer_.on_inspection({learner_.steps, learner_.learning_rate * learner_.rate_scale, inspection_->figures()});
    }
    return outcome;
  }

  void report_progress(uint64_t epoch, int64_t batch, int64_t batches) {
    if (options_.progress_interval == 0 || seconds_since(reported_) < options_.progress_interval) return;
    reported_ = Clock::now();
    observer_.on_progress(
        {epoch, learner_.steps, batch, batches, learner_.objective()->running_result(position_.epoch.totals)});
  }

  bool due() const {
    const SnapshotTimes& times = options_.snapshots;
    return (times.every_steps > 0 && learner_.steps / times.every_steps > snapshot_steps_ / times.every_steps) ||
           (times.every_epochs > 0 && position_.epochs - snapshot_epochs_ >= times.every_epochs) ||
           (times.every_seconds > 0 && seconds_since(snapshot_time_) >= times.every_seconds);
  }

  void note_snapshot() {
    snapshot_steps_ = learner_.steps;
    snapshot_epochs_ = position_.epochs;
    snapshot_time_ = Clock::now();
  }

  // Nobody writes to weights and states but this thread; computing alone, as its team takes part.
  void snapshot(Team& team, bool last) {
    Snapshot taken;
    taken.steps = learner_.steps;
    taken.epochs = learner_.epochs;
    taken.rate_scale = learner_.rate_scale;
    taken.position = position_;
    taken.position.steps = learner_.steps - first_step_;
    taken.position.seconds = run_seconds();
    const int64_t done = position_.epoch.batches;
    const bool in_epoch = done > 0 && done < epoch_batches();  // else the learner has counted it
    if (in_epoch) taken.position.epoch.seconds = seconds_since(epoch_start_);
    taken.epoch = learner_.epochs + (in_epoch ? 1 : 0);
    taken.last = last;
    TensorCopies copies(learner_.network().architecture());
    taken.weights = copies.add_weights(learner_.network().weights());
    taken.states = copies.add_states(learner_);
    if (kept_.size() > 0) taken.kept = copies.add_weights(kept_.data());
    {
      const std::unique_lock guard(compute_lock());
      const ReadingLock weights(learner_.network());
      copies.make(team);
    }
    observer_.on_snapshot(std::move(taken));
    note_snapshot();
  }

  int64_t epoch_batches() const { return ceil_divide(train_->count(), step_.batch()); }
  double run_seconds() const { return position_.seconds + seconds_since(run_start_); }

  Learner& learner_;
  const bool streams_;
  const ArraySamples* train_ = nullptr;
  int64_t most_samples_ = 0;  // of the sets so far
  FitOptions options_;
  int threads_;
  const ArraySamples* validation_set_;
  const std::atomic<bool>& stop_;
  RunObserver& observer_;
  std::shared_ptr<StepGradients> gradients_;  // of steps of several batches
  TrainStep step_;
  std::optional<TrainStep> last_step_;  // for the rest of an epoch
  std::optional<Inspection> inspection_;
  std::optional<Evaluation> validation_;
  std::vector<uint32_t> order_;
  uint64_t first_step_;   // of the run, in the learner's count
  RunPosition position_;  // `steps` and `seconds` are those at the start
  AlignedBuffer kept_;
  Clock::time_point run_start_ = Clock::now();
  Clock::time_point epoch_start_ = run_start_;
  Clock::time_point reported_ = run_start_;
  uint64_t snapshot_steps_ = 0;  // what they were at the last snapshot
  int64_t snapshot_epochs_ = 0;
  Clock::time_point snapshot_time_;
};

class Unobserved final : public RunObserver {
 public:
  void on_progress(const ProgressReport& /*report*/) override {}
  void on_epoch(const EpochReport& /*report*/) override {}
};

void check_memory_of_run(Learner& learner, const ArraySamples& train, bool streams, const ArraySamples* validation,
                         const FitOptions& options) {
  if (!learner.has_memory_limit()) return;
  const std::atomic<bool> stop{false};
  Unobserved observer;
  const MemoryTally tally;
  Run run(learner, train, streams, validation, options, threads_of_run(learner, train, options), stop, observer, {});
  run.make_room_for_rest();
  learner.check_memory_for(tally.bytes());
}

void check_start(const Learner& learner, const ArraySamples& train, const FitOptions& options, const RunStart& start) {
  const int64_t batches = ceil_divide(train.count(), options.batch);
  const RunPosition& position = start.position;
  const EpochPosition& epoch = position.epoch;
  const bool fits = position.epochs >= 0 && position.steps <= learner.steps && epoch.batches >= 0 &&
                    epoch.batches <= batches && (epoch.batches == 0 || learner.objective()->fits(epoch.totals));
  if (!fits) {
    throw Error("SHAPE_MISMATCH",
                "fit: the position in the epoch does not fit the data, the batch size or the metrics");
  }
}

}  // namespace

namespace {

FitEnd run_with_team(Learner& learner, const ArraySamples& train, bool streams, const ArraySamples* validation,
                     const FitOptions& options, const std::atomic<bool>& stop, RunObserver& observer, RunStart start) {
  const int threads = threads_of_run(learner, train, options);
  Run run(learner, train, streams, validation, options, threads, stop, observer, std::move(start));
  FitEnd end = FitEnd::kCompleted;
  learner.thread_search.go_on_for(threads, streams ? options.batch : std::min(options.batch, train.count()));
  Team::run(threads, [&](Team& team) { end = run(team); });
  return end;
}

// The first ones of a stream. What a run that is the rest of an earlier one reads again is not bounded by its budget.
std::optional<const ArraySamples*> first_samples(const FitOptions& options, RunObserver& observer,
                                                 const RunPosition& position) {
  using Clock = std::chrono::steady_clock;
  const bool is_rest = position.epochs > 0 || position.epoch.batches > 0;
  double left = is_rest ? std::numeric_limits<double>::infinity() : options.most_seconds;
  while (left > 0) {
    const Clock::time_point start = Clock::now();
    if (const auto first = observer.next_samples(left)) return first;
    const double paused = observer.at_boundary().paused;
    left -= std::chrono::duration<double>(Clock::now() - start).count() - paused;
  }
  return std::nullopt;
}

void refuse_empty(const ArraySamples* samples) {
  if (samples != nullptr && samples->count() == 0) throw Error("INVALID_DATA", "fit: the dataset is empty");
}

}  // namespace

void check_memory(Learner& learner, const ArraySamples& train, const ArraySamples* validation,
                  const FitOptions& options) {
  check_memory_of_run(learner, train, false, validation, options);
}

FitEnd fit(Learner& learner, const ArraySamples& train, const ArraySamples* validation, const FitOptions& options,
           const std::atomic<bool>& stop, RunObserver& observer, RunStart start) {
  refuse_empty(&train);
  refuse_empty(validation);
  check_start(learner, train, options, start);
  return run_with_team(learner, train, false, validation, options, stop, observer, std::move(start));
}

FitEnd fit_stream(Learner& learner, const ArraySamples* validation, const FitOptions& options,
                  const std::atomic<bool>& stop, RunObserver& observer, RunStart start) {
  refuse_empty(validation);
  const std::optional<const ArraySamples*> found = first_samples(options, observer, start.position);
  if (!found || *found == nullptr) {
    if (options.restore_kept) restore(learner, start.kept);
    if (!found) return FitEnd::kOutOfTime;
    return stop.load() ? FitEnd::kStopped : FitEnd::kCompleted;
  }
  const ArraySamples& first = **found;
  check_start(learner, first, options, start);
  check_memory_of_run(learner, first, true, validation, options);
  return run_with_team(learner, first, true, validation, options, stop, observer, std::move(start));
}

}  // namespace gradloom
