// Threads: 1 and 3.
#include "losses/custom_loss.h"

#include <doctest/doctest.h>

#include <functional>
#include <mutex>
#include <shared_mutex>

#include "common/error.h"
#include "support/compare.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/run/objective.h"
#include "training/threads/compute_lock.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// The mean of squares, and what happens before it is computed.
class Squares final : public LossCaller {
 public:
  explicit Squares(std::function<void(int)> before = [](int) {}) : before_(std::move(before)) {}

  double mean(const LossArguments& args) override {
    before_(++calls);
    const int64_t count = args.rows * args.columns;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double error = static_cast<double>(args.outputs[i]) - args.targets.values[i];
      sum += error * error;
      if (args.gradient != nullptr) args.gradient[i] = static_cast<float>(2 * error / static_cast<double>(count));
    }
    return sum / static_cast<double>(count);
  }

  int calls = 0;

 private:
  std::function<void(int)> before_;
};

const Spec::Object kSpec{{"kind", "custom"}, {"labels", "values"}};

std::unique_ptr<Learner> learner_of(std::unique_ptr<Loss> loss) {
  const LearnerOptions options = mlp();
  auto architecture = std::make_shared<const Architecture>(options.input_shape, options.layers);
  auto objective = std::make_shared<const Objective>(std::move(loss), Spec::List{}, architecture->output_shape());
  return std::make_unique<Learner>(std::make_shared<Network>(std::move(architecture), 1), make_optimizer(adagrad({})),
                                   std::move(objective), LearnerSettings{.seed = 1});
}

}  // namespace

TEST_CASE("custom loss: whole batches give the value and gradient of the same loss in blocks") {
  constexpr int64_t kBatch = 150;  // several blocks of rows
  const Samples samples = value_samples(kBatch, {1}, 3);
  const std::vector<float> outputs = RandomData(811).normal(kBatch * 3);
  const auto caller = std::make_shared<Squares>();
  const Shape shape{3};
  const Spec::List metrics = {Spec::Object{{"kind", "meanAbsoluteError"}}};
  const auto own = std::make_shared<const Objective>(std::make_unique<CustomLoss>(kSpec, caller), metrics, shape);
  const auto expected = std::make_shared<const Objective>(loss("meanSquaredError"), metrics, shape);
  for (const int threads : {1, 3}) {
    std::vector<std::vector<float>> gradients;
    std::vector<ObjectiveResult> results;
    for (const auto& objective : {own, expected}) {
      BatchObjective batch(objective, kBatch);
      batch.load_targets(samples.view(), nullptr, 0);
      gradients.emplace_back(outputs.size());
      Team::run(threads, [&](Team& team) { batch.compute(team, outputs.data(), gradients.back().data()); });
      ObjectiveTotals totals = objective->empty_totals();
      batch.add_to(totals);
      results.push_back(objective->result(totals));
    }
    CHECK(results[0].loss == doctest::Approx(results[1].loss).epsilon(1e-12));
    CHECK(results[0].metrics[0].number() == results[1].metrics[0].number());
    CHECK(difference(gradients[0], to_double(gradients[1]), Tolerance{1e-6, 1e-9}) == "");
  }
  CHECK(caller->calls == 2);
}

TEST_CASE("custom loss: a step that waits for it lets others read and compute") {
  std::unique_ptr<Learner> learner;
  const auto caller = std::make_shared<Squares>([&](int) {
    const std::unique_lock compute(compute_lock());
    const std::shared_lock weights(learner->network().lock());
  });
  learner = learner_of(std::make_unique<CustomLoss>(kSpec, caller));
  const Samples samples = value_samples(80, mlp().input_shape, learner->network().architecture().output_shape().size());
  run_steps(*learner, samples.view(), 20, 3, 2);
  CHECK(caller->calls == 3);
}

TEST_CASE("custom loss: stopped while it is awaited, a run ends at the step's boundary before") {
  std::unique_ptr<Learner> learner;
  std::vector<float> before;
  const auto caller = std::make_shared<Squares>([&](int call) {
    if (call < 3) return;
    before = state_of(*learner);
    throw Stopped();
  });
  learner = learner_of(std::make_unique<CustomLoss>(kSpec, caller));
  const Samples samples = value_samples(80, mlp().input_shape, learner->network().architecture().output_shape().size());
  const ArraySamples view = samples.view();
  const std::atomic<bool> never{false};
  RecordingObserver observer;
  const FitOptions options{.epochs = 9, .batch = 20, .shuffle = Shuffle::kNever, .threads = 2, .progress_interval = 0};
  CHECK(fit(*learner, view, nullptr, options, never, observer) == FitEnd::kStopped);
  CHECK(observer.epochs.empty());
  CHECK(learner->steps == 2);
  CHECK(state_of(*learner) == before);
}
