// Threads: 1 and 2. Runs that are interrupted at any step and taken up by a new learner from a snapshot.
#include <doctest/doctest.h>

#include <cmath>

#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/run/epoch_loop.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kNever{false};

class SnapshotObserver : public RecordingObserver {
 public:
  void on_snapshot(Snapshot snapshot) override { snapshots.push_back(std::move(snapshot)); }
  RunRequests at_boundary() override { return std::exchange(requests, {}); }
  bool takes_snapshots() override { return takes; }

  std::vector<Snapshot> snapshots;
  RunRequests requests;
  bool takes = true;
};

// A new learner in the state of a snapshot.
std::unique_ptr<Learner> learner_from(const LearnerOptions& options, const Snapshot& snapshot) {
  auto learner = make_learner(options);
  const Architecture& architecture = learner->network().architecture();
  REQUIRE(snapshot.weights.size() == architecture.parameters().size());
  size_t state = 0;
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    architecture.import_parameter(static_cast<int>(p), snapshot.weights[p].values->data(),
                                  learner->network().weights());
    const int parameter = static_cast<int>(p);
    for (size_t s = 0; s < learner->states(parameter).size(); ++s, ++state) {
      architecture.from_file_layout(parameter, snapshot.states[state].values->data(), learner->state(parameter, s));
    }
  }
  CHECK(state == snapshot.states.size());
  learner->steps = snapshot.steps;
  learner->epochs = snapshot.epochs;
  learner->rate_scale = snapshot.rate_scale;
  return learner;
}

FitOptions three_epochs(int threads) {
  return {.epochs = 3, .batch = 20, .shuffle = Shuffle::kEachEpoch, .threads = threads, .progress_interval = 0};
}

}  // namespace

TEST_CASE("resume: from a snapshot of any step a run ends with the bits and figures of one that was not interrupted") {
  LearnerOptions nets[] = {mlp(), conv_net(), norm_net(), mlp(), conv_net()};
  nets[3].non_finite = NonFinitePolicy::kSkip;
  constexpr Augmentation kAugmentation{
      .flips_horizontally = true, .shift = 2, .brightness = 0.3F, .contrast = 0.2F, .cutout = 3};
  for (int net = 0; net < 5; ++net) {
    CAPTURE(net);
    const LearnerOptions& options = nets[net];
    Samples train = class_samples(70, options.input_shape, 10);
    if (net == 3) train.inputs[0] = std::nanf("");
    const Samples validation = class_samples(23, options.input_shape, 10, 2);
    const ArraySamples validation_view = validation.view();
    FitOptions fit_options = three_epochs(2);
    FitOptions rest_options = three_epochs(1);
    if (net == 4) fit_options.augmentation = rest_options.augmentation = kAugmentation;
    fit_options.snapshots = {.every_steps = 1, .at_end = true};
    SnapshotObserver whole;
    const auto learner = make_learner(options);
    fit(*learner, train.view(), &validation_view, fit_options, kNever, whole);
    CHECK(whole.snapshots.size() == (net == 3 ? 9 : 12));
    CHECK(whole.snapshots.back().last);
    for (const Snapshot& snapshot : whole.snapshots) {
      CAPTURE(snapshot.steps);
      CAPTURE(snapshot.position.epoch.batches);
      const auto resumed = learner_from(options, snapshot);
      SnapshotObserver rest;
      fit(*resumed, train.view(), &validation_view, rest_options, kNever, rest, {snapshot.position, {}});
      CHECK(difference_in_bits(state_of(*resumed), state_of(*learner)) == "");
      CHECK(resumed->steps == learner->steps);
      const auto before = static_cast<size_t>(snapshot.position.epochs);
      REQUIRE(rest.epochs.size() == 3 - before);
      for (size_t i = 0; i < rest.epochs.size(); ++i) {
        CHECK(rest.epochs[i].epoch == whole.epochs[before + i].epoch);
        CHECK(rest.epochs[i].skipped_steps == whole.epochs[before + i].skipped_steps);
        CHECK(rest.epochs[i].training.loss == whole.epochs[before + i].training.loss);
        CHECK(rest.validations[i].loss == whole.validations[before + i].loss);
      }
    }
  }
}

TEST_CASE("resume: metrics go on where they were, those of all samples included") {
  LearnerOptions options = mlp();
  options.metrics = {Spec::Object{{"kind", "rocAuc"}, {"average", "macro"}}, Spec::Object{{"kind", "logLoss"}}};
  const Samples train = class_samples(70, options.input_shape, 10);
  FitOptions fit_options = three_epochs(1);
  fit_options.snapshots.every_steps = 1;
  SnapshotObserver whole;
  fit(*make_learner(options), train.view(), nullptr, fit_options, kNever, whole);
  const Snapshot& snapshot = whole.snapshots[5];
  SnapshotObserver rest;
  fit(*learner_from(options, snapshot), train.view(), nullptr, three_epochs(1), kNever, rest, {snapshot.position, {}});
  for (size_t metric = 0; metric < 2; ++metric) {
    CHECK(rest.epochs[0].training.metrics[metric].values == whole.epochs[1].training.metrics[metric].values);
  }
}

TEST_CASE("resume: a position that does not fit is refused") {
  const LearnerOptions options = mlp();
  const Samples train = class_samples(70, options.input_shape, 10);
  FitOptions fit_options = three_epochs(1);
  fit_options.snapshots.every_steps = 1;
  SnapshotObserver whole;
  fit(*make_learner(options), train.view(), nullptr, fit_options, kNever, whole);
  const auto attempt = [&](auto change) {
    RunPosition position = whole.snapshots[2].position;
    change(position);
    const auto learner = learner_from(options, whole.snapshots[2]);
    const auto before = state_of(*learner);
    SnapshotObserver observer;
    const std::string error = error_of([&] {
      fit(*learner, train.view(), nullptr, three_epochs(1), kNever, observer, {position, {}});
    });
    CHECK(error.starts_with("SHAPE_MISMATCH: fit: the position"));
    CHECK(difference_in_bits(state_of(*learner), before) == "");
  };
  attempt([](RunPosition& position) { position.epoch.batches = 5; });
  attempt([](RunPosition& position) { position.epoch.totals.metrics.push_back(0); });
  attempt([](RunPosition& position) { position.epoch.totals.kept.count = 3; });
  attempt([](RunPosition& position) { position.steps = 100; });
}

TEST_CASE("fit: budgets of steps and of time end a run between two steps") {
  const LearnerOptions options = mlp();
  const Samples train = class_samples(70, options.input_shape, 10);
  const auto learner = make_learner(options);
  SnapshotObserver observer;
  FitOptions fit_options = three_epochs(1);
  fit_options.most_steps = 6;
  CHECK(fit(*learner, train.view(), nullptr, fit_options, kNever, observer) == FitEnd::kOutOfSteps);
  CHECK(learner->steps == 6);
  CHECK(observer.epochs.size() == 1);
  fit_options.most_steps = 12;  // as many as there are
  CHECK(fit(*learner, train.view(), nullptr, fit_options, kNever, observer) == FitEnd::kCompleted);
  fit_options.most_seconds = 1e-9;
  CHECK(fit(*learner, train.view(), nullptr, fit_options, kNever, observer) == FitEnd::kOutOfTime);
  CHECK(learner->steps == 18);
  RunStart late;
  late.position.seconds = 100;
  fit_options.most_seconds = 100;
  CHECK(fit(*learner, train.view(), nullptr, fit_options, kNever, observer, std::move(late)) == FitEnd::kOutOfTime);
}

TEST_CASE("fit: snapshots come at multiples of steps, after epochs, at the end, and wait for who takes them") {
  const LearnerOptions options = mlp();
  const Samples train = class_samples(70, options.input_shape, 10);
  const auto steps_of = [&](SnapshotTimes times, bool takes = true) {
    SnapshotObserver observer;
    observer.takes = takes;
    FitOptions fit_options = three_epochs(1);
    fit_options.snapshots = times;
    fit(*make_learner(options), train.view(), nullptr, fit_options, kNever, observer);
    std::vector<uint64_t> steps;
    for (const Snapshot& snapshot : observer.snapshots) steps.push_back(snapshot.steps);
    return steps;
  };
  CHECK(steps_of({}) == std::vector<uint64_t>{});
  CHECK(steps_of({.every_steps = 5}) == std::vector<uint64_t>{5, 10});
  CHECK(steps_of({.every_epochs = 1}) == std::vector<uint64_t>{4, 8});
  CHECK(steps_of({.every_epochs = 2, .at_end = true}) == std::vector<uint64_t>{8, 12});
  CHECK(steps_of({.every_seconds = 1e-9}).size() == 12);
  CHECK(steps_of({.every_steps = 1, .at_end = true}, false) == std::vector<uint64_t>{12});
}

TEST_CASE("fit: requests are served between two steps; weights that were kept come back at the end") {
  class Requesting final : public SnapshotObserver {
   public:
    void on_epoch(const EpochReport& report) override {
      SnapshotObserver::on_epoch(report);
      if (report.epoch == 2) requests = {.snapshot = true, .keep_weights = true, .rate_scale = 0.5};
    }
  };
  const LearnerOptions options = mlp();
  const Samples train = class_samples(70, options.input_shape, 10);
  const auto learner = make_learner(options);
  Requesting observer;
  FitOptions fit_options = three_epochs(1);
  fit_options.restore_kept = true;
  fit(*learner, train.view(), nullptr, fit_options, kNever, observer);
  REQUIRE(observer.snapshots.size() == 1);
  const Snapshot& taken = observer.snapshots[0];
  CHECK(taken.steps == 8);
  CHECK(learner->rate_scale == 0.5);
  REQUIRE(taken.kept.size() == taken.weights.size());
  TensorCopies copies(learner->network().architecture());
  const auto weights = copies.add_weights(learner->network().weights());
  copies.make();
  for (size_t i = 0; i < weights.size(); ++i) {
    CHECK(difference_in_bits(taken.kept[i].values->span(), taken.weights[i].values->span()) == "");
    CHECK(difference_in_bits(weights[i].values->span(), taken.weights[i].values->span()) == "");
  }
}
