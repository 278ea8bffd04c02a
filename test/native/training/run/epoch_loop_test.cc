// Threads: 1 and 2, and one that stops a run.
#include "training/run/epoch_loop.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/inference/evaluation.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kNever{false};

FitOptions options_for(int64_t epochs, int64_t batch, Shuffle shuffle = Shuffle::kEachEpoch) {
  return {.epochs = epochs, .batch = batch, .shuffle = shuffle, .threads = 1, .progress_interval = 0};
}

// A model whose output is always 0 and does not learn, on samples whose loss is the square of their number:
// the running mean of the loss tells which sample a batch of one held.
struct OrderProbe {
  explicit OrderProbe(int64_t count, uint64_t seed = 1) {
    samples =
        Samples{.inputs = std::vector<float>(static_cast<size_t>(count)), .classes = {}, .values = {}, .shape = {1}};
    for (int64_t i = 0; i < count; ++i) samples.values.push_back(static_cast<float>(i));
    learner = make_learner({.input_shape = {1},
                            .layers = {dense({.units = 1})},
                            .loss = "meanSquaredError",
                            .optimizer = sgd({.learning_rate = 0}),
                            .seed = seed});
  }

  // The order of the samples in the next epoch.
  std::vector<int> next_epoch(Shuffle shuffle = Shuffle::kEachEpoch) {
    RecordingObserver observer;
    FitOptions options = options_for(1, 1, shuffle);
    options.progress_interval = 1e-12;
    fit(*learner, samples.view(), nullptr, options, kNever, observer);
    std::vector<int> order;
    double before = 0;
    for (const ProgressReport& report : observer.progress) {
      const double total = report.training.loss * static_cast<double>(report.batch);
      order.push_back(static_cast<int>(std::lround(std::sqrt(total - before))));
      before = total;
    }
    return order;
  }

  Samples samples;
  std::unique_ptr<Learner> learner;
};

std::vector<int> in_order(int count) {
  std::vector<int> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

bool is_permutation_of_all(std::vector<int> order, int count) {
  std::sort(order.begin(), order.end());
  return order == in_order(count);
}

}  // namespace

TEST_CASE("shuffle: a permutation that depends on seed and epoch alone") {
  for (const int count : {1, 2, 3, 4, 5, 50, 101}) {
    CAPTURE(count);
    OrderProbe probe(count);
    for (int epoch = 0; epoch < 3; ++epoch) CHECK(is_permutation_of_all(probe.next_epoch(), count));
  }
  OrderProbe probe(50);
  const std::vector<int> first = probe.next_epoch();
  const std::vector<int> second = probe.next_epoch();
  CHECK(first != second);
  CHECK(first != in_order(50));
  CHECK(OrderProbe(50, 2).next_epoch() != first);
  OrderProbe again(50);
  CHECK(again.next_epoch() == first);
  CHECK(again.next_epoch() == second);
  again.learner->reset();
  CHECK(again.next_epoch() == first);
  again.learner->epochs = 1;  // as from a checkpoint
  CHECK(again.next_epoch() == second);
  CHECK(probe.next_epoch(Shuffle::kNever) == in_order(50));
}

TEST_CASE("shuffle: every place is as likely for every sample") {
  OrderProbe probe(5);
  int counts[5][5] = {};
  constexpr int kEpochs = 2000;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<int> order = probe.next_epoch();
    REQUIRE(order.size() == 5);
    for (size_t place = 0; place < 5; ++place) ++counts[place][order[place]];
  }
  // Five standard deviations of a binomial count.
  const double expected = kEpochs / 5.0;
  for (const auto& place : counts) {
    for (const int count : place) CHECK(std::abs(count - expected) <= 5 * std::sqrt(expected * 0.8));
  }
}

TEST_CASE("fit: reports epochs, steps, samples, and the mean loss over samples, partial batch included") {
  LearnerOptions options = mlp();
  options.optimizer = sgd({.learning_rate = 0});  // so that the loss can be computed again afterwards
  std::erase_if(options.layers, [](const Spec& layer) { return layer.string("kind") == "dropout"; });
  const auto learner = make_learner(options);
  const Samples train = class_samples(50, options.input_shape, 10);
  const Samples validation = class_samples(23, options.input_shape, 10, 2);
  RecordingObserver observer;
  const ArraySamples validation_view = validation.view();
  CHECK(fit(*learner, train.view(), &validation_view, options_for(2, 20), kNever, observer) == FitEnd::kCompleted);
  CHECK(fit(*learner, train.view(), nullptr, options_for(1, 64), kNever, observer) == FitEnd::kCompleted);
  REQUIRE(observer.epochs.size() == 3);
  const uint64_t steps[] = {3, 6, 7};
  for (size_t i = 0; i < 3; ++i) {
    const EpochReport& report = observer.epochs[i];
    CHECK(report.epoch == i + 1);
    CHECK(report.steps == steps[i]);
    CHECK(report.samples == 50);
    CHECK(report.skipped_steps == 0);
    CHECK(report.seconds > 0);
    CHECK((report.validation != nullptr) == (i < 2));
  }
  CHECK(learner->steps == 7);
  CHECK(learner->epochs == 3);

  // By hand: one pass over all samples at once.
  const auto judge = [&](const Samples& samples) {
    const ArraySamples view = samples.view();
    Evaluation evaluation(learner->shared_network(), learner->objective(), view, {1000, 1});
    std::optional<ObjectiveResult> result;
    Team::run(1, [&](Team& team) { result = evaluation.run(team, kNever); });
    return *result;
  };
  CHECK(observer.epochs[0].training.loss == doctest::Approx(judge(train).loss).epsilon(1e-6));
  CHECK(observer.epochs[0].training.metrics[0].number() == doctest::Approx(judge(train).metrics[0].number()));
  CHECK(observer.validations[0].loss == doctest::Approx(judge(validation).loss).epsilon(1e-6));
  CHECK(observer.validations[0].metrics[0].number() == doctest::Approx(judge(validation).metrics[0].number()));
}

TEST_CASE("fit: progress counts batches and keeps to its interval") {
  const LearnerOptions options = mlp();
  const Samples samples = class_samples(50, options.input_shape, 10);
  RecordingObserver every;
  FitOptions fit_options = options_for(1, 20);
  fit_options.progress_interval = 1e-12;
  fit(*make_learner(options), samples.view(), nullptr, fit_options, kNever, every);
  REQUIRE(every.progress.size() == 3);
  for (int64_t i = 0; i < 3; ++i) {
    CHECK(every.progress[static_cast<size_t>(i)].batch == i + 1);
    CHECK(every.progress[static_cast<size_t>(i)].batches == 3);
    CHECK(every.progress[static_cast<size_t>(i)].epoch == 1);
  }
  CHECK(every.progress[2].training.loss == every.epochs[0].training.loss);
  RecordingObserver none;
  fit_options.progress_interval = 3600;
  fit(*make_learner(options), samples.view(), nullptr, fit_options, kNever, none);
  CHECK(none.progress.empty());
}

TEST_CASE("fit: training lowers the loss") {
  for (LearnerOptions options : {mlp(), conv_net()}) {
    options.optimizer = adagrad({.learning_rate = 0.05});
    const Samples samples = class_samples(60, options.input_shape, 10);
    RecordingObserver observer;
    fit(*make_learner(options), samples.view(), nullptr, options_for(30, 20), kNever, observer);
    CHECK(observer.epochs.back().training.loss < 0.5 * observer.epochs.front().training.loss);
  }
}

TEST_CASE("fit: skipped steps are counted and leave no trace in the loss") {
  LearnerOptions options = mlp();
  options.non_finite = NonFinitePolicy::kSkip;
  Samples samples = class_samples(60, options.input_shape, 10);
  samples.inputs[0] = std::nanf("");
  const auto learner = make_learner(options);
  RecordingObserver observer;
  fit(*learner, samples.view(), nullptr, options_for(2, 20), kNever, observer);
  for (const EpochReport& report : observer.epochs) {
    CHECK(report.skipped_steps == 1);
    CHECK(std::isfinite(report.training.loss));
  }
  CHECK(learner->steps == 4);
}

TEST_CASE("fit: a stop flag ends the run at a step's boundary") {
  const LearnerOptions options = mlp();
  const Samples samples = class_samples(60, options.input_shape, 10);
  const auto learner = make_learner(options);
  const std::vector<float> before = state_of(*learner);
  RecordingObserver observer;
  const std::atomic<bool> already{true};
  CHECK(fit(*learner, samples.view(), nullptr, options_for(5, 20), already, observer) == FitEnd::kStopped);
  CHECK(learner->steps == 0);
  CHECK(observer.epochs.empty());
  CHECK(difference_in_bits(state_of(*learner), before) == "");

  class StopAfterTwo final : public RecordingObserver {
   public:
    void on_epoch(const EpochReport& report) override {
      RecordingObserver::on_epoch(report);
      if (report.epoch == 2) stop.store(true);
    }
    std::atomic<bool> stop{false};
  };
  StopAfterTwo stopping;
  CHECK(fit(*learner, samples.view(), nullptr, options_for(5, 20), stopping.stop, stopping) == FitEnd::kStopped);
  CHECK(stopping.epochs.size() == 2);
  CHECK(learner->steps == 6);
  CHECK(learner->epochs == 2);
}

TEST_CASE("fit: another thread stops a long run, and reads its weights between two steps") {
  const LearnerOptions options = mlp();
  const Samples samples = class_samples(60, options.input_shape, 10);
  const auto learner = make_learner(options);
  std::atomic<bool> stop{false};
  RecordingObserver observer;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    for (int i = 0; i < 20; ++i) learner->network().snapshot();
    stop.store(true);
  });
  FitOptions fit_options = options_for(1'000'000, 20);
  fit_options.threads = 2;
  CHECK(fit(*learner, samples.view(), nullptr, fit_options, stop, observer) == FitEnd::kStopped);
  other.join();
  CHECK(learner->steps > 0);
}

TEST_CASE("fit: an empty dataset is refused") {
  const LearnerOptions options = mlp();
  const Samples none{.inputs = {}, .classes = {}, .values = {}, .shape = options.input_shape};
  const Samples samples = class_samples(5, options.input_shape, 10);
  const auto learner = make_learner(options);
  RecordingObserver observer;
  const ArraySamples empty = none.view();
  CHECK(error_of([&] { fit(*learner, empty, nullptr, options_for(1, 20), kNever, observer); }) ==
        "INVALID_DATA: fit: the dataset is empty");
  CHECK(error_of([&] { fit(*learner, samples.view(), &empty, options_for(1, 20), kNever, observer); }) ==
        "INVALID_DATA: fit: the dataset is empty");
}
