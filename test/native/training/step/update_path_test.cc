// What stands between a gradient and its update, on both ways: fused behind each tile, and with all gradients known.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kBatch = 24;

Spec::Object regularized(Spec::Object layer, double l1, double l2) {
  layer.insert_or_assign("weightRegularizer", Spec(Spec::Object{{"l1", l1}, {"l2", l2}}));
  return layer;
}

// Without dropout, so that batches may be put together.
LearnerOptions plain_net() {
  return {.input_shape = {33},
          .layers = {regularized(dense({.units = 241, .activation = "tanh", .name = "dense_1"}), 0.001, 0.02),
                     dense({.units = 64, .activation = "tanh", .name = "dense_2"}),
                     dense({.units = 10, .name = "dense_3"})},
          .optimizer = sgd({.learning_rate = 1})};
}

const std::map<std::string, Spec::Object>& elementwise() {
  const Spec::Object penalties{
      {"learningRate", 0.1}, {"initialAccumulator", 0.1}, {"l1", 1e-4}, {"l2", 1e-3}, {"direction", "minimize"}};
  static const std::map<std::string, Spec::Object> table = [&] {
    Spec::Object proximal = penalties;
    proximal.insert({{"kind", "proximalAdagrad"}, {"epsilon", 1e-10}});
    Spec::Object ftrl = penalties;
    ftrl.insert({{"kind", "ftrl"}, {"beta", 1.0}});
    const Spec::Object adam{{"kind", "adamW"},     {"learningRate", 0.01},   {"beta1", 0.9},
                            {"beta2", 0.999},      {"epsilon", 1e-8},        {"amsgrad", true},
                            {"weightDecay", 0.01}, {"direction", "minimize"}};
    return std::map<std::string, Spec::Object>{{"adagrad", adagrad({.learning_rate = 0.05, .weight_decay = 0.01})},
                                               {"adamW", adam},
                                               {"ftrl", ftrl},
                                               {"proximalAdagrad", proximal},
                                               {"sgd", sgd({.learning_rate = 0.1, .momentum = 0.9})}};
  }();
  return table;
}

const std::map<std::string, Spec::Object>& whole() {
  static const std::map<std::string, Spec::Object> table = {
      {"adagradNorm",
       {{"kind", "adagradNorm"},
        {"learningRate", 0.1},
        {"initialNorm", 0.1},
        {"weightDecay", 0.0},
        {"direction", "minimize"}}},
      {"rowwiseAdagrad",
       {{"kind", "rowwiseAdagrad"},
        {"learningRate", 0.05},
        {"initialAccumulator", 0.0},
        {"epsilon", 1e-8},
        {"weightDecay", 0.01},
        {"weightDecayMode", "decoupled"},
        {"direction", "minimize"}}},
      {"shampoo",
       {{"kind", "shampoo"},
        {"learningRate", 0.05},
        {"initialAccumulator", 0.0},
        {"epsilon", 1e-10},
        {"blockSize", 16.0},
        {"rootEvery", 2.0},
        {"weightDecay", 0.0},
        {"weightDecayMode", "coupled"},
        {"direction", "minimize"}}},
  };
  return table;
}

// The weights' movement over one step of a batch.
std::vector<std::vector<double>> movement(const LearnerOptions& options) {
  const auto learner = make_learner(options);
  const Architecture& architecture = learner->network().architecture();
  const std::vector<float> before(learner->network().weights(),
                                  learner->network().weights() + architecture.weights_size());
  const Samples samples = class_samples(kBatch, options.input_shape, 10);
  run_steps(*learner, samples.view(), kBatch, 1, 1);
  std::vector<std::vector<double>> moved;
  for (const auto& parameter : architecture.parameters()) {
    moved.emplace_back();
    for (int64_t i = parameter.offset; i < parameter.offset + parameter.shape.size(); ++i) {
      moved.back().push_back(static_cast<double>(learner->network().weights()[i]) - before[static_cast<size_t>(i)]);
    }
  }
  return moved;
}

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

void fit_epochs(Learner& learner, const Samples& samples, int64_t batch, int64_t batches_per_step, int64_t epochs,
                int threads = 1) {
  const std::atomic<bool> stop{false};
  RecordingObserver observer;
  fit(learner, samples.view(), nullptr,
      {.epochs = epochs,
       .batch = batch,
       .shuffle = Shuffle::kNever,
       .threads = threads,
       .progress_interval = 0,
       .batches_per_step = batches_per_step},
      stop, observer);
}

}  // namespace

TEST_CASE("updates: fused and unfused plans give the same bits for every kind of optimizer, penalty, clip and group") {
  for (LearnerOptions options : {mlp(), conv_net(), norm_net()}) {
    for (const auto& [kind, optimizer] : elementwise()) {
      CAPTURE(kind);
      options.optimizer = optimizer;
      options.clip = {.kind = GradientClip::Kind::kValue, .limit = 0.01};
      options.layers.back() = regularized(dense({.units = 10, .name = "dense_9"}), 1e-3, 1e-2);
      const size_t parameters = make_learner(options)->network().architecture().parameters().size();
      options.parameters.clear();
      for (size_t p = 0; p < parameters; ++p) {
        options.parameters.push_back(
            {.rate_multiplier = p % 2 == 0 ? 1.0 : 0.5, .weight_decay = p % 3 == 0 ? 0.0F : 0.02F});
      }
      const Samples samples = class_samples(3 * kBatch, options.input_shape, 10);
      options.non_finite = NonFinitePolicy::kStop;
      const auto fused = make_learner(options);
      options.non_finite = NonFinitePolicy::kSkip;
      const auto unfused = make_learner(options);
      run_steps(*fused, samples.view(), kBatch, 5, 2);
      run_steps(*unfused, samples.view(), kBatch, 5, 2);
      CHECK(difference_in_bits(state_of(*fused), state_of(*unfused)) == "");
    }
  }
}

TEST_CASE("updates: optimizers of rows and of whole parameters give the same bits on any number of threads") {
  for (LearnerOptions options : {mlp(), conv_net()}) {
    for (const auto& [kind, optimizer] : whole()) {
      CAPTURE(kind);
      options.optimizer = optimizer;
      const Samples samples = class_samples(3 * kBatch, options.input_shape, 10);
      const auto one = make_learner(options);
      run_steps(*one, samples.view(), kBatch, 6, 1);
      for (const int threads : {2, 3}) {
        const auto several = make_learner(options);
        run_steps(*several, samples.view(), kBatch, 6, threads);
        CHECK(difference_in_bits(state_of(*one), state_of(*several)) == "");
      }
    }
  }
}

TEST_CASE("regularizers: their gradient is l1 sign(w) + 2 l2 w on the weights that have one, and on no other") {
  LearnerOptions options = plain_net();
  const auto with = movement(options);
  options.layers.front() = dense({.units = 241, .activation = "tanh", .name = "dense_1"});
  const auto without = movement(options);
  const auto learner = make_learner(options);
  const auto& parameters = learner->network().architecture().parameters();
  for (size_t i = 0; i < with[0].size(); ++i) {
    const double w = learner->network().weights()[parameters[0].offset + static_cast<int64_t>(i)];
    const double expected = without[0][i] - (0.001 * (w > 0 ? 1 : -1) + 2 * 0.02 * w);
    CHECK(std::abs(with[0][i] - expected) < 1e-6);
  }
  for (size_t p = 1; p < with.size(); ++p) CHECK(with[p] == without[p]);
}

TEST_CASE("regularizers: the penalty of an epoch's report is that of its last weights") {
  const auto learner = make_learner(plain_net());
  const Samples samples = class_samples(2 * kBatch, {33}, 10);
  const std::atomic<bool> stop{false};
  RecordingObserver observer;
  fit(*learner, samples.view(), nullptr,
      {.epochs = 2, .batch = kBatch, .shuffle = Shuffle::kEachEpoch, .threads = 1, .progress_interval = 0}, stop,
      observer);
  const auto& weight = learner->network().architecture().parameters()[0];
  double expected = 0;
  for (int64_t i = 0; i < weight.shape.size(); ++i) {
    const double w = learner->network().weights()[weight.offset + i];
    expected += 0.001F * std::abs(w) + 0.02F * w * w;
  }
  CHECK(std::abs(observer.epochs.at(1).penalty - expected) <= 1e-9 * expected);
  CHECK(observer.epochs[0].penalty != observer.epochs[1].penalty);
}

TEST_CASE("clipping: by the global norm, by each parameter's, by the largest value, by value; not when within") {
  using Kind = GradientClip::Kind;
  using Norm = GradientClip::Norm;
  LearnerOptions options = plain_net();
  const auto plain = movement(options);
  double squares = 0;
  double most = 0;
  for (const auto& moved : plain) {
    squares += norm(moved) * norm(moved);
    most = std::max(most, largest(moved));
  }
  const double all = std::sqrt(squares);
  const auto check = [&](GradientClip clip, const std::function<double(size_t, double)>& expected) {
    options.clip = clip;
    const auto clipped = movement(options);
    for (size_t p = 0; p < plain.size(); ++p) {
      for (size_t i = 0; i < plain[p].size(); ++i) CHECK(std::abs(clipped[p][i] - expected(p, plain[p][i])) < 5e-7);
    }
  };
  check({Kind::kGlobalNorm, all / 3, Norm::kEuclidean}, [&](size_t, double g) { return g / 3; });
  check({Kind::kGlobalNorm, all * 2, Norm::kEuclidean}, [&](size_t, double g) { return g; });
  check({Kind::kGlobalNorm, most / 4, Norm::kMaximum}, [&](size_t, double g) { return g / 4; });
  check({Kind::kNorm, all / 5, Norm::kEuclidean},
        [&](size_t p, double g) { return g * std::min(1.0, all / 5 / norm(plain[p])); });
  check({Kind::kValue, most / 2, Norm::kEuclidean},
        [&](size_t, double g) { return std::clamp(g, -most / 2, most / 2); });
}

TEST_CASE("clipping: a gradient that is not finite under a finite loss stops the run before anything has changed") {
  // Infinite weights behind a saturated activation: the loss stays finite.
  LearnerOptions options = plain_net();
  options.clip = {.kind = GradientClip::Kind::kGlobalNorm, .limit = 1};
  const auto learner = make_learner(options);
  learner->network().weights()[learner->network().architecture().parameters()[0].offset] = INFINITY;
  const std::vector<float> before = state_of(*learner);
  const Samples samples = class_samples(kBatch, {33}, 10);
  const std::string error = error_of([&] { run_steps(*learner, samples.view(), kBatch, 1, 1); });
  CHECK(error.starts_with("NOT_FINITE: a gradient or weight of \"dense_1.weight\" is not finite at step 1"));
  CHECK(difference_in_bits(state_of(*learner), before) == "");
  CHECK(learner->steps == 0);
}

TEST_CASE("groups: a multiplier of 0 keeps a parameter, one of 2 moves it twice as far") {
  LearnerOptions options = plain_net();
  const auto plain = movement(options);
  options.parameters = {{2, 0}, {0, 0}, {1, 0}, {0.5, 0}, {0, 0}, {2, 0}};
  const auto moved = movement(options);
  REQUIRE(plain.size() == options.parameters.size());
  for (size_t p = 0; p < plain.size(); ++p) {
    for (size_t i = 0; i < plain[p].size(); ++i) {
      CHECK(std::abs(moved[p][i] - plain[p][i] * options.parameters[p].rate_multiplier) < 5e-7);
    }
  }
}

TEST_CASE("accumulation: steps of several batches are steps of one large batch, the rest of an epoch included") {
  for (const auto& optimizer : {sgd({.learning_rate = 0.1, .momentum = 0.9}), adagrad({.learning_rate = 0.05})}) {
    LearnerOptions options = plain_net();
    options.optimizer = optimizer;
    // 210 samples: two steps of 96, in batches of 24, and the last one of 18.
    const Samples samples = class_samples(210, options.input_shape, 10);
    const auto large = make_learner(options);
    fit_epochs(*large, samples, 96, 1, 3);
    const auto small = make_learner(options);
    fit_epochs(*small, samples, 24, 4, 3);
    CHECK(small->steps == 9);
    CHECK(large->steps == 9);
    const std::vector<float> expected = state_of(*large);
    CHECK(scaled_error(state_of(*small), std::vector<double>(expected.begin(), expected.end())) < 1e-5);
    for (const int threads : {2, 3}) {
      const auto other = make_learner(options);
      fit_epochs(*other, samples, 24, 4, 3, threads);
      CHECK(difference_in_bits(state_of(*other), state_of(*small)) == "");
    }
  }
}

TEST_CASE("accumulation: every batch of a step draws its own dropout, and running statistics follow each of them") {
  LearnerOptions options = norm_net();
  const Samples samples = class_samples(4 * kBatch, options.input_shape, 10);
  options.optimizer = sgd({.learning_rate = 0});
  const auto each = make_learner(options);
  fit_epochs(*each, samples, kBatch, 1, 1);
  const auto grouped = make_learner(options);
  fit_epochs(*grouped, samples, kBatch, 4, 1);
  // A rate of 0 moves nothing but the statistics.
  CHECK(difference_in_bits(
            {grouped->network().weights(), static_cast<size_t>(grouped->network().architecture().weights_size())},
            {each->network().weights(), static_cast<size_t>(each->network().architecture().weights_size())}) == "");

  LearnerOptions random = mlp();
  random.optimizer = sgd({.learning_rate = 1});
  const Samples same = [&] {
    Samples one = class_samples(kBatch, random.input_shape, 10);
    Samples twice = one;
    twice.inputs.insert(twice.inputs.end(), one.inputs.begin(), one.inputs.end());
    twice.classes.insert(twice.classes.end(), one.classes.begin(), one.classes.end());
    return twice;
  }();
  // The same samples twice in a step: with the same dropout their mean gradient would be the first one's.
  const auto once = make_learner(random);
  run_steps(*once, same.view(), kBatch, 1, 1);
  const auto both = make_learner(random);
  fit_epochs(*both, same, kBatch, 2, 1);
  const std::vector<float> expected = state_of(*once);
  CHECK(scaled_error(state_of(*both), std::vector<double>(expected.begin(), expected.end())) > 1e-3);
}

TEST_CASE("accumulation: nonFinite 'skip' leaves out the whole step that a bad batch is part of") {
  LearnerOptions options = plain_net();
  options.non_finite = NonFinitePolicy::kSkip;
  options.optimizer = adagrad({});
  Samples samples = class_samples(4 * kBatch, options.input_shape, 10);
  samples.inputs[static_cast<size_t>(kBatch) * 33 + 5] = NAN;  // the second of four batches
  const auto learner = make_learner(options);
  fit_epochs(*learner, samples, kBatch, 2, 1);
  CHECK(learner->steps == 1);
  const auto rest = make_learner(options);
  Samples good = samples;
  good.inputs.erase(good.inputs.begin(), good.inputs.begin() + 2 * kBatch * 33);
  good.classes.erase(good.classes.begin(), good.classes.begin() + 2 * kBatch);
  fit_epochs(*rest, good, kBatch, 2, 1);
  CHECK(difference_in_bits(state_of(*learner), state_of(*rest)) == "");
}

TEST_CASE("learning rates: each step takes its own") {
  class Rates final : public LearningRates {
   public:
    double at(uint64_t step) override { return step % 2 == 0 ? 0.5 : 0; }
  };
  LearnerOptions options = plain_net();
  const Samples samples = class_samples(4 * kBatch, options.input_shape, 10);
  const auto learner = make_learner(options);
  Rates rates;
  const std::atomic<bool> stop{false};
  RecordingObserver observer;
  fit(*learner, samples.view(), nullptr,
      {.epochs = 1,
       .batch = kBatch,
       .shuffle = Shuffle::kNever,
       .threads = 1,
       .progress_interval = 0,
       .learning_rates = &rates},
      stop, observer);
  options.optimizer = sgd({.learning_rate = 0.5});
  const auto expected = make_learner(options);
  Samples even = samples;
  for (const int64_t batch : {3, 1}) {
    even.inputs.erase(even.inputs.begin() + batch * kBatch * 33, even.inputs.begin() + (batch + 1) * kBatch * 33);
    even.classes.erase(even.classes.begin() + batch * kBatch, even.classes.begin() + (batch + 1) * kBatch);
  }
  fit_epochs(*expected, even, kBatch, 1, 1);
  CHECK(difference_in_bits(state_of(*learner), state_of(*expected)) == "");
}

TEST_CASE("inspection: norms and rates of the steps asked for, and not a bit of the run changed") {
  class Looking final : public RecordingObserver {
   public:
    void on_inspection(InspectionReport report) override { seen.push_back(std::move(report)); }
    std::vector<InspectionReport> seen;
  };
  LearnerOptions options = plain_net();
  options.optimizer = adagrad({.learning_rate = 0.1});
  options.parameters = {{1, 0}, {1, 0}, {0.5, 0}, {1, 0}, {1, 0}, {1, 0}};
  const Samples samples = class_samples(5 * kBatch, options.input_shape, 10);
  const auto plain = make_learner(options);
  fit_epochs(*plain, samples, kBatch, 1, 1);
  const auto looked_at = make_learner(options);
  const std::atomic<bool> stop{false};
  Looking observer;
  fit(*looked_at, samples.view(), nullptr,
      {.epochs = 1,
       .batch = kBatch,
       .shuffle = Shuffle::kNever,
       .threads = 2,
       .progress_interval = 0,
       .inspect_every = 2},
      stop, observer);
  CHECK(difference_in_bits(state_of(*looked_at), state_of(*plain)) == "");
  REQUIRE(observer.seen.size() == 2);
  CHECK(observer.seen[0].step == 2);
  CHECK(observer.seen[1].step == 4);
  CHECK(observer.seen[1].learning_rate == 0.1);

  // The fourth step again, by hand.
  const auto before = make_learner(options);
  run_steps(*before, samples.view(), kBatch, 3, 1);
  const std::vector<float> weights(before->network().weights(),
                                   before->network().weights() + before->network().architecture().weights_size());
  const auto& parameters = before->network().architecture().parameters();
  std::vector<std::vector<float>> sums(parameters.size());
  for (size_t p = 0; p < parameters.size(); ++p) {
    const float* state = before->state(static_cast<int>(p), 0);
    sums[p].assign(state, state + parameters[p].shape.size());
  }
  Samples fourth = samples;
  fourth.inputs.erase(fourth.inputs.begin(), fourth.inputs.begin() + 3 * kBatch * 33);
  fourth.classes.erase(fourth.classes.begin(), fourth.classes.begin() + 3 * kBatch);
  run_steps(*before, fourth.view(), kBatch, 1, 1);
  REQUIRE(parameters.size() == options.parameters.size());
  REQUIRE(observer.seen[1].parameters.size() == parameters.size());
  for (size_t p = 0; p < parameters.size(); ++p) {
    const ParameterFigures& figures = observer.seen[1].parameters[p];
    CHECK(figures.parameter == static_cast<int>(p));
    double gradient = 0;
    double weight = 0;
    double update = 0;
    double rate = 0;
    for (int64_t i = 0; i < parameters[p].shape.size(); ++i) {
      const auto at = static_cast<size_t>(parameters[p].offset + i);
      const double s = before->state(static_cast<int>(p), 0)[i];
      gradient += s - sums[p][static_cast<size_t>(i)];
      weight += std::pow(weights[at], 2);
      update += std::pow(static_cast<double>(before->network().weights()[at]) - weights[at], 2);
      rate += (p == 2 ? 0.05 : 0.1) / (std::sqrt(s) + 1e-10);
    }
    rate /= static_cast<double>(parameters[p].shape.size());
    CHECK(figures.gradient_norm == doctest::Approx(std::sqrt(gradient)).epsilon(1e-3));
    CHECK(figures.weight_norm == doctest::Approx(std::sqrt(weight)).epsilon(1e-6));
    CHECK(figures.update_norm == doctest::Approx(std::sqrt(update)).epsilon(1e-6));
    CHECK(figures.mean_rate == doctest::Approx(rate).epsilon(1e-5));
    CHECK(figures.smallest_rate <= figures.mean_rate);
    CHECK(figures.mean_rate <= figures.largest_rate);
  }
}
