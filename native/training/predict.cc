#include "training/predict.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/choice.h"
#include "kernels/lanes.h"
#include "training/reading_lock.h"

namespace gradloom {
namespace {

// A predicting network draws no random numbers.
constexpr RandomState kNoRandom{0, 0};

// Of the inputs and the output of the layer that has most of them, a sample.
int64_t largest_floats(const Architecture& architecture) {
  int64_t largest = 1;
  for (const auto& layer : architecture.layers()) {
    largest = std::max(largest, layer->input_shape().size() + layer->output_shape().size());
  }
  return largest;
}

bool reads_floats(const Architecture& architecture) {
  return std::ranges::all_of(architecture.inputs(),
                             [](const NetworkInput& input) { return input.form == InputForm::kFloats; });
}

// Whether convolutions predict in rows, be it of some samples or many, and nothing asks for lanes. Then pieces of few
// samples cost no more a sample. Without convolutions, weights are most of what comes from memory.
bool convolves_in_rows(const Architecture& architecture) {
  const auto& layers = architecture.layers();
  return std::ranges::any_of(layers, [](const auto& layer) { return layer->in_rows(kLanes) != nullptr; }) &&
         std::ranges::all_of(layers, [](const auto& layer) {
           return layer->in_rows(kLanes) != nullptr || layer->layout(kLanes, Layout::kRows) == Layout::kRows;
         });
}

// Whether most of the work on images, in batches of that size, is done in lanes.
bool works_in_lanes(const Architecture& architecture, int64_t batch) {
  int64_t in_lanes = 0;
  int64_t all = 0;
  for (const auto& layer : architecture.layers()) {
    if (layer->input_shape().rank() == 1) continue;
    all += layer->flops();
    if (layer->layout(batch, Layout::kRows) == Layout::kLanes && layer->in_rows(batch) == nullptr &&
        layer->without_gradient(batch, Phase::kPredicting) == nullptr) {
      in_lanes += layer->flops();
    }
  }
  return 2 * in_lanes > all;
}

}  // namespace

PredictionShape PlanPool::shape(const Architecture& architecture) {
  const std::lock_guard guard(mutex_);
  if (!shape_) {
    shape_ = {largest_floats(architecture), architecture.forward_flops(), architecture.weights_size(),
              convolves_in_rows(architecture)};
  }
  return *shape_;
}

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
  if (plans_.size() >= kept_) plans_.erase(plans_.begin());
  plans_.push_back(std::move(plan));
}

namespace {

// One call: all its samples, in passes by the whole team or in pieces by single threads.
class Prediction {
 public:
  Prediction(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
             const std::atomic<bool>& stop, float* outputs)
      : network_(network),
        architecture_(network.architecture()),
        plans_(plans),
        samples_(samples),
        shape_(plans.shape(architecture_)),
        batch_(std::min(options.batch, samples.count())),
        piece_(reads_floats(architecture_) ? samples_of_piece(samples.count(), batch_, shape_) : 0),
        stop_(stop),
        outputs_(outputs) {}

  int64_t work_of_pass() const { return forward_work(architecture_, samples_, batch_); }
  int64_t work_of_call() const { return forward_work(architecture_, samples_, samples_.count()); }

  // What passes and pieces there are does not hang on the number of threads, so that results do not, either.
  void run(Team& team, int threads) {
    const ReadingLock weights(network_);
    int64_t done = run_pieces(team);
    for (int64_t next = 0; done < samples_.count() && !stopped(); done += next) {
      next = samples_of_pass(samples_.count() - done);
      auto plan = take(next, threads);
      plan->prepare(team, network_);
      pass(team, *plan, done);
      give_back(std::move(plan));
    }
  }

 private:
  bool stopped() const { return stop_.load(std::memory_order_relaxed); }
  std::unique_ptr<Plan> take(int64_t batch, int threads) {
    return plans_.take(network_.shared_architecture(), {batch, Phase::kPredicting, threads});
  }
  void give_back(std::unique_ptr<Plan> plan) {
    plan->forget_prepared();
    plans_.give_back(std::move(plan));
  }

  // How many of those that are `left` the next pass takes: a piece or a batch, of which the samples behind whole blocks
  // of lanes make another pass if they work in rows. Measured on a Zen 4, 46 nets of convolutions, in times of a single
  // pass: 17 samples on one thread 0.5 to 1.04, on two 0.4 to 1.1; 24 samples 0.65 to 1.03 and 0.6 to 1.1.
  int64_t samples_of_pass(int64_t left) const {
    if (piece_ > 0 && left >= piece_) return piece_;
    const int64_t most = std::min(left, batch_);
    const int64_t behind = most % kLanes;
    const int64_t blocks = most - behind;
    const bool apart = blocks > 0 && behind > 0 && worth_all_weights(behind, shape_) &&
                       works_in_lanes(architecture_, blocks) && !works_in_lanes(architecture_, behind);
    return apart ? blocks : most;
  }

  void pass(Team& team, Plan& plan, int64_t first) {
    const int64_t floats = architecture_.output_shape().size();
    plan.load(team, samples_, nullptr, first);
    plan.forward(team, network_.weights(), kNoRandom);
    std::copy_n(plan.output(), plan.batch() * floats, outputs_ + first * floats);
  }

  // Each by one thread. Of few pieces those that would keep half of the threads busy in the end, or less, are left to
  // passes of all. Returns how many samples are done.
  int64_t run_pieces(Team& team) {
    constexpr int kManyPieces = 4;  // a thread
    if (piece_ == 0) return 0;
    int64_t pieces = samples_.count() / piece_;
    const int64_t last = pieces % team.size();
    if (pieces < int64_t{kManyPieces} * team.size() && 2 * last <= team.size()) pieces -= last;
    if (pieces == 0) return 0;
    std::vector<std::unique_ptr<Plan>> plans;
    for (int thread = 0; thread < team.size(); ++thread) {
      plans.push_back(take(piece_, 1));
      plans.back()->prepare(team, network_);
    }
    team.for_each(pieces, [&](int64_t index, int thread) {
      if (stopped()) return;
      // A function of two pointers and a team of one are made without memory.
      struct {
        Plan& plan;
        int64_t first;
      } part{*plans[static_cast<size_t>(thread)], index * piece_};
      Team::run(1, [this, &part](Team& alone) { pass(alone, part.plan, part.first); });
    });
    for (auto& plan : plans) give_back(std::move(plan));
    return pieces * piece_;
  }

  Network& network_;
  const Architecture& architecture_;
  PlanPool& plans_;
  const ArraySamples& samples_;
  const PredictionShape shape_;
  const int64_t batch_;
  const int64_t piece_;  // 0: in passes of batches
  const std::atomic<bool>& stop_;
  float* const outputs_;
};

}  // namespace

void predict(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
             const std::atomic<bool>& stop, SpareTeam& team, float* outputs) {
  if (samples.count() == 0) return;
  Prediction prediction(network, plans, samples, options, stop, outputs);
  const int threads = choose_threads_of_call(options.threads, prediction.work_of_pass(), prediction.work_of_call());
  // Not a region of OpenMP, whose threads spin on behind it and take the time of the caller's.
  team.run(threads, [&](Team& of_call) { prediction.run(of_call, threads); });
}

void predict_now(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
                 CallTeam& team, ThreadSearches& searches, float* outputs) {
  if (samples.count() == 0) return;
  const std::atomic<bool> never{false};
  Prediction prediction(network, plans, samples, options, never, outputs);
  const int threads = choose_threads_of_standing(options.threads, prediction.work_of_pass());
  if (threads == 1) return team.run(1, [&](Team& of_call) { prediction.run(of_call, 1); });
  team.run(threads, [&](Team& of_call) {
    const SearchedStep searched(searches.search(threads, samples.count()), of_call);
    prediction.run(of_call, threads);
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

// The network keeps one for each layer and kernel.
int64_t Evaluation::prepared_floats() const {
  int64_t floats = full_.plan.prepared_floats(nullptr);
  if (rest_) floats += rest_->plan.prepared_floats(&full_.plan);
  return floats;
}

std::optional<ObjectiveResult> Evaluation::run(Team& team, const std::atomic<bool>& stop) {
  ObjectiveTotals totals = objective_->empty_totals(samples_.count());
  const ReadingLock weights(*network_);
  for (int64_t first = 0; first < samples_.count(); first += full_.plan.batch()) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    Batch& batch = samples_.count() - first < full_.plan.batch() ? *rest_ : full_;
    batch.plan.load(team, samples_, nullptr, first);
    batch.objective.load_targets(samples_, nullptr, first);
    batch.plan.prepare(team, *network_);
    batch.plan.forward(team, network_->weights(), kNoRandom);
    batch.objective.compute(team, batch.plan.output(), nullptr);
    batch.objective.add_to(totals);
  }
  return objective_->result(totals);
}

}  // namespace gradloom
