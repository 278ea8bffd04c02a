// Statistics that layers gather and parameters that are frozen: what a training step does with them.
#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/reference/normalization.h"
#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kBatch = 9;

std::span<const float> stretch(Learner& learner, const float* buffer, const std::string& name) {
  const auto& parameters = learner.network().architecture().parameters();
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& parameter) { return parameter.name == name; });
  REQUIRE(found != parameters.end());
  return {buffer + found->offset, static_cast<size_t>(found->shape.size())};
}

int number_of(Learner& learner, const std::string& name) {
  const auto& parameters = learner.network().architecture().parameters();
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& parameter) { return parameter.name == name; });
  REQUIRE(found != parameters.end());
  return static_cast<int>(found - parameters.begin());
}

std::vector<float> weight(Learner& learner, const std::string& name) {
  const auto values = stretch(learner, learner.network().weights(), name);
  return {values.begin(), values.end()};
}

// The running statistics of the model's inputs after so many steps, from 0 and 1.
reference::Moments running_moments(const Samples& samples, int64_t steps, double momentum) {
  const int64_t columns = samples.shape.size();
  reference::Moments running{std::vector<double>(static_cast<size_t>(columns)),
                             std::vector<double>(static_cast<size_t>(columns), 1)};
  for (int64_t step = 0; step < steps; ++step) {
    const auto first = samples.inputs.begin() + step * kBatch * columns;
    const reference::Moments batch = reference::column_moments({kBatch, columns, 0}, {first, first + kBatch * columns});
    for (size_t c = 0; c < running.mean.size(); ++c) {
      running.mean[c] += momentum * (batch.mean[c] - running.mean[c]);
      running.variance[c] += momentum * (batch.variance[c] * kBatch / (kBatch - 1) - running.variance[c]);
    }
  }
  return running;
}

LearnerOptions normalized_inputs(NonFinitePolicy policy) {
  return {.input_shape = {5},
          .layers = {batch_norm({.momentum = 0.2, .scale = false, .shift = false, .name = "norm"}),
                     dense({.units = 3, .name = "dense"})},
          .optimizer = sgd({.learning_rate = 0.5, .momentum = 0.9, .weight_decay = 0.1}),
          .non_finite = policy};
}

LearnerOptions three_dense(bool freeze_first, bool freeze_last) {
  const auto layer = [](const std::string& name, bool freeze) {
    const Spec::Object spec = dense({.units = 6, .activation = "tanh", .name = name});
    return freeze ? frozen(spec) : spec;
  };
  return {.input_shape = {5},
          .layers = {layer("first", freeze_first), layer("middle", false), layer("last", freeze_last)},
          .optimizer = sgd({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1})};
}

}  // namespace

TEST_CASE("statistics: follow the batches step by step, without weight decay and optimizer state, for every policy") {
  const Samples samples = class_samples(6 * kBatch, {5}, 3);
  for (const auto policy : {NonFinitePolicy::kStop, NonFinitePolicy::kSkip, NonFinitePolicy::kIgnore}) {
    for (const int steps : {1, 4, 6}) {
      const auto learner = make_learner(normalized_inputs(policy));
      run_steps(*learner, samples.view(), kBatch, steps, 1);
      const reference::Moments expected = running_moments(samples, steps, 0.2);
      CHECK(difference(weight(*learner, "norm.runningMean"), expected.mean, Tolerance{1e-6, 1e-6}) == "");
      CHECK(difference(weight(*learner, "norm.runningVariance"), expected.variance, Tolerance{1e-6, 1e-6}) == "");
      for (const char* name : {"norm.runningMean", "norm.runningVariance"}) {
        CHECK(learner->states(number_of(*learner, name)).empty());
      }
      const int dense = number_of(*learner, "dense.weight");
      const float* velocities = learner->state(dense, 0);
      const int64_t count = learner->states(dense)[0].shape.size();
      CHECK(std::any_of(velocities, velocities + count, [](float v) { return v != 0; }));
    }
  }
}

TEST_CASE("statistics: predicting uses them, and changes none") {
  const auto learner = make_learner(normalized_inputs(NonFinitePolicy::kStop));
  const Samples samples = class_samples(3 * kBatch, {5}, 3);
  run_steps(*learner, samples.view(), kBatch, 3, 1);
  const std::vector<float> before = state_of(*learner);
  Plan plan(learner->network().shared_architecture(), {kBatch, Phase::kPredicting, 1});
  Team::run(1, [&](Team& team) {
    plan.load(team, samples.view(), nullptr, 0);
    plan.forward(team, learner->network().weights(), {0, 0});
  });
  CHECK(difference_in_bits(state_of(*learner), before) == "");
  const reference::NormalizationShape shape{kBatch, 5, 1e-5};
  const std::vector<double> inputs(samples.inputs.begin(), samples.inputs.begin() + kBatch * 5);
  const std::vector<double> normalized = reference::batch_norm(
      shape, {to_double(weight(*learner, "norm.runningMean")), to_double(weight(*learner, "norm.runningVariance"))},
      inputs, std::vector<double>(5, 1), std::vector<double>(5));
  std::vector<float> matrix(15);
  learner->network().architecture().export_parameter(2, learner->network().weights(), matrix.data());
  const std::vector<float> bias = weight(*learner, "dense.bias");
  std::vector<double> expected;
  for (size_t n = 0; n < kBatch; ++n) {
    for (size_t unit = 0; unit < 3; ++unit) {
      expected.push_back(bias[unit]);
      for (size_t i = 0; i < 5; ++i) expected.back() += normalized[n * 5 + i] * matrix[unit * 5 + i];
    }
  }
  CHECK(difference({plan.output(), expected.size()}, expected, Tolerance{1e-5, 1e-5}) == "");
}

TEST_CASE("frozen layers: keep every bit, and the others learn as beside layers that train") {
  const Samples samples = class_samples(4 * kBatch, {5}, 6);
  const auto all = make_learner(three_dense(false, false));
  run_steps(*all, samples.view(), kBatch, 1, 1);
  for (const bool freeze_first : {false, true}) {
    for (const bool freeze_last : {false, true}) {
      for (const auto policy : {NonFinitePolicy::kStop, NonFinitePolicy::kSkip}) {
        CAPTURE(freeze_first);
        CAPTURE(freeze_last);
        LearnerOptions options = three_dense(freeze_first, freeze_last);
        options.non_finite = policy;
        const auto initial = make_learner(options);
        const auto learner = make_learner(options);
        run_steps(*learner, samples.view(), kBatch, 1, 1);
        for (const std::string layer : {"first", "middle", "last"}) {
          const bool kept = (layer == "first" && freeze_first) || (layer == "last" && freeze_last);
          for (const char* parameter : {".weight", ".bias"}) {
            const std::vector<float> expected = weight(kept ? *initial : *all, layer + parameter);
            CHECK(difference_in_bits(weight(*learner, layer + parameter), expected) == "");
            if (!kept) continue;
            CHECK(learner->states(number_of(*learner, layer + parameter)).empty());
          }
        }
        run_steps(*learner, samples.view(), kBatch, 4, 1);
        if (freeze_first) CHECK(weight(*learner, "first.weight") == weight(*initial, "first.weight"));
        CHECK(weight(*learner, "middle.weight") != weight(*all, "middle.weight"));
      }
    }
  }
}

TEST_CASE("frozen layers: the backward pass stops above them and costs less") {
  const LearnerOptions options = three_dense(true, true);
  const auto architecture = std::make_shared<const Architecture>(options.input_shape, options.layers);
  CHECK(architecture->training_flops(0) == 2 * 5 * 6);
  CHECK(architecture->training_flops(1) == 2 * 2 * 6 * 6);
  CHECK(architecture->training_flops(2) == 2 * 2 * 6 * 6);
  CHECK(architecture->training_flops() == 2 * (5 * 6 + 2 * 6 * 6 + 2 * 6 * 6));
  const Plan plan(architecture, {kBatch, Phase::kTraining, 1});
  const Plan whole(make_learner(three_dense(false, false))->network().shared_architecture(),
                   {kBatch, Phase::kTraining, 1});
  CHECK(plan.unshared_floats() < whole.unshared_floats());
}

TEST_CASE("frozen layers: a model of nothing else trains without effect") {
  const auto learner =
      make_learner({.input_shape = {5},
                    .layers = {frozen(batch_norm({.name = "norm"})), frozen(dense({.units = 3, .name = "dense"}))},
                    .optimizer = sgd({.learning_rate = 1, .weight_decay = 1})});
  const std::vector<float> before = state_of(*learner);
  run_steps(*learner, class_samples(kBatch, {5}, 3).view(), kBatch, 2, 1);
  CHECK(difference_in_bits(state_of(*learner), before) == "");
  CHECK(learner->steps == 2);
}
