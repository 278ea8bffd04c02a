// Threads: 1, 2, 3 and 8.
#include "training/inference/evaluation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/reference/losses.h"
#include "kernels/work_sizes.h"
#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kNever{false};

std::vector<float> predictions(Network& network, const Samples& samples, const PassOptions& options) {
  PlanPool pool;
  SpareTeam team;
  const ArraySamples view = samples.view();
  std::vector<float> outputs(static_cast<size_t>(view.count() * network.architecture().output_shape().size()));
  predict(network, pool, view, options, kNever, team, outputs.data());
  return outputs;
}

std::optional<ObjectiveResult> evaluate(Learner& learner, const Samples& samples, int64_t batch, int threads,
                                        const std::atomic<bool>& stop = kNever) {
  const ArraySamples view = samples.view();
  Evaluation evaluation(learner.shared_network(), learner.objective(), view, {batch, threads});
  std::optional<ObjectiveResult> result;
  Team::run(threads, [&](Team& team) { result = evaluation.run(team, stop); });
  return result;
}

// Stops what calls it, once it has seen so many samples.
class StoppingLoss final : public Loss {
 public:
  StoppingLoss(int64_t samples, bool whole_batches, std::atomic<bool>& stop)
      : Loss(loss("softmaxCrossEntropy")),
        loss_(make_loss(loss("softmaxCrossEntropy"))),
        samples_(samples),
        whole_batches_(whole_batches),
        stop_(stop) {}

  TargetKind target_kind() const override { return loss_->target_kind(); }
  bool whole_batches() const override { return whole_batches_; }
  double compute(const LossArguments& args) const override {
    if ((seen += args.rows) >= samples_) stop_ = true;
    return loss_->compute(args);
  }

  mutable int64_t seen = 0;

 private:
  std::unique_ptr<Loss> loss_;
  int64_t samples_;
  bool whole_batches_;
  std::atomic<bool>& stop_;
};

}  // namespace

TEST_CASE("Evaluation: loss and metrics are means over samples, computed by hand, with a partial last batch") {
  const auto learner = make_learner(mlp());
  const Samples samples = class_samples(53, {33}, 10);
  const std::vector<float> outputs = predictions(learner->network(), samples, {53, 1});
  const std::vector<double> logits = to_double(outputs);
  double loss = 0;
  int hits = 0;
  for (size_t i = 0; i < 53; ++i) {
    double unused[10];
    loss += reference::softmax_cross_entropy(10, logits.data() + 10 * i, samples.classes[i], unused);
    const auto row = outputs.begin() + static_cast<int64_t>(10 * i);
    hits += std::max_element(row, row + 10) - row == samples.classes[i] ? 1 : 0;
  }
  const std::vector<float> before = state_of(*learner);
  for (const int64_t batch : {1, 10, 20, 53, 100}) {
    CAPTURE(batch);
    const auto result = evaluate(*learner, samples, batch, 1);
    REQUIRE(result.has_value());
    CHECK(result->loss == doctest::Approx(loss / 53).epsilon(1e-5));
    CHECK(result->metrics[0].number() == doctest::Approx(hits / 53.0));
    const auto threaded = evaluate(*learner, samples, batch, 2);
    CHECK(threaded->loss == result->loss);
  }
  CHECK(difference_in_bits(state_of(*learner), before) == "");
  const std::atomic<bool> stopped{true};
  CHECK_FALSE(evaluate(*learner, samples, 10, 1, stopped).has_value());
}

TEST_CASE("Evaluation: losses on values, several metrics at once") {
  const auto learner = make_learner({.input_shape = {4},
                                     .layers = {dense({.units = 3})},
                                     .loss = "meanSquaredError",
                                     .metrics = {Spec::Object{{"kind", "meanAbsoluteError"}},
                                                 Spec::Object{{"kind", "binaryAccuracy"}, {"threshold", 0.5}}}});
  const Samples samples = value_samples(20, {4}, 3);
  const std::vector<float> y = predictions(learner->network(), samples, {20, 1});
  double square = 0;
  double absolute = 0;
  double right = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double error = static_cast<double>(y[i]) - samples.values[i];
    square += error * error / 60;
    absolute += std::abs(error) / 60;
    right += (y[i] > 0.5F) == (samples.values[i] > 0.5F) ? 1.0 / 60 : 0;
  }
  const auto result = evaluate(*learner, samples, 7, 1);
  CHECK(result->loss == doctest::Approx(square).epsilon(1e-5));
  REQUIRE(result->metrics.size() == 2);
  CHECK(result->metrics[0].number() == doctest::Approx(absolute).epsilon(1e-5));
  CHECK(result->metrics[1].number() == doctest::Approx(right));
}

// Two layers of Winograd's whose values of 16 samples a cache holds; few samples work in rows. Five batches of 51 make
// a group, whose pieces do not end where the batches do.
TEST_CASE("Evaluation: batches are cut as predictions are, into pieces and what is left, on any number of threads") {
  LearnerOptions net = conv_net();
  net.input_shape = {12, 11, 16};
  net.layers = {conv2d({.filters = 40, .padding = "same", .activation = "relu"}),
                conv2d({.filters = 24, .activation = "relu", .name = "conv2d_2"}), plain_layer("flatten"),
                dense({.units = 10})};
  const auto learner = make_learner(net);
  constexpr int64_t kBatch = 51;
  constexpr int64_t kGroup = 5 * kBatch;
  const Samples samples = class_samples(kGroup + kBatch + 20, net.input_shape, 10);
  const PredictionShape& shape = learner->network().architecture().prediction_shape();
  REQUIRE(samples_of_piece(kGroup, kBatch, shape) == 16);
  std::vector<float> outputs = predictions(learner->network(), some_of(samples, 0, kGroup), {kBatch, 1});
  const std::vector<float> rest = predictions(learner->network(), some_of(samples, kGroup, kBatch + 20), {kBatch, 1});
  outputs.insert(outputs.end(), rest.begin(), rest.end());
  double loss = 0;
  for (int64_t first = 0; first < samples.view().count(); first += kBatch) {
    const int64_t count = std::min(kBatch, samples.view().count() - first);
    BatchObjective objective(learner->objective(), count);
    objective.load_targets(samples.view(), nullptr, first);
    Team::run(1, [&](Team& team) {
      loss += objective.compute(team, outputs.data() + 10 * first, nullptr) * static_cast<double>(count);
    });
  }
  loss /= static_cast<double>(samples.view().count());
  const auto alone = evaluate(*learner, samples, kBatch, 1);
  CHECK(alone->loss == doctest::Approx(loss).epsilon(1e-12));
  for (const int threads : {2, 3, 8}) CHECK(evaluate(*learner, samples, kBatch, threads)->loss == alone->loss);
}

TEST_CASE("Evaluation: ends behind the batch in which it is stopped, within a group of batches or between two") {
  const auto learner = make_learner(mlp());
  constexpr int64_t kBatch = 20;
  const Samples samples = class_samples(30 * kBatch + 7, {33}, 10);
  for (const bool whole_batches : {false, true}) {
    CAPTURE(whole_batches);
    std::atomic<bool> stop{false};
    auto loss = std::make_unique<StoppingLoss>(5 * kBatch, whole_batches, stop);
    const StoppingLoss& seen = *loss;
    const auto objective =
        std::make_shared<Objective>(std::move(loss), Spec::List(), learner->network().architecture().output_shape());
    const ArraySamples view = samples.view();
    Evaluation evaluation(learner->shared_network(), objective, view, {kBatch, 1});
    Team::run(1, [&](Team& team) { CHECK_FALSE(evaluation.run(team, stop).has_value()); });
    CHECK(seen.seen == 5 * kBatch);
  }
}
