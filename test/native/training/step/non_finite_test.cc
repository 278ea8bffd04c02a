// Values that are not finite: 1,000 injections into inputs, weights and labels are found in the same step.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr float kBadValues[] = {std::numeric_limits<float>::quiet_NaN(), INFINITY, -INFINITY};
constexpr int64_t kBatch = 9;  // convolutions run in lanes, some of them beyond the batch

LearnerOptions regression_mlp() {
  return {
      .input_shape = {5},
      .layers = {dense({.units = 9, .activation = "relu", .name = "first"}),
                 dense({.units = 6, .activation = "tanh", .name = "second"}),
                 dense({.units = 4, .activation = "sigmoid", .name = "third"}), dense({.units = 3, .name = "last"})},
      .loss = "meanSquaredError"};
}

LearnerOptions classifying_conv_net() {
  return {.input_shape = {5, 5, 2},
          .layers = {conv2d({.filters = 4, .padding = "same", .activation = "relu", .name = "first"}),
                     max_pool2d({.pool_size = {3, 3}, .strides = {1, 1}, .padding = "same"}),
                     batch_norm({.name = "norm"}), conv2d({.filters = 3, .activation = "tanh", .name = "second"}),
                     plain_layer("flatten"), dense({.units = 4, .name = "last"})}};
}

Samples samples_for(const LearnerOptions& options, uint64_t seed) {
  return options.loss == "meanSquaredError" ? value_samples(kBatch, options.input_shape, 3, seed)
                                            : class_samples(kBatch, options.input_shape, 4, seed);
}

struct Step {
  StepOutcome outcome;
  std::string error;
};

Step take_step(Learner& learner, const Samples& samples) {
  Step step{StepOutcome::kUpdated, ""};
  TrainStep train(learner, kBatch, 1);
  ObjectiveTotals totals = learner.objective()->empty_totals();
  const ArraySamples view = samples.view();
  step.error =
      error_of([&] { Team::run(1, [&](Team& team) { step.outcome = train.run(team, view, nullptr, 0, totals); }); });
  return step;
}

enum class Target { kInput, kWeight, kLabel };

// Puts a value that is not finite somewhere and returns what a message about it has to say.
std::string inject(RandomData& random, Learner& learner, Samples& samples, Target target, float bad) {
  const auto place = [&](std::vector<float>& values) {
    values[static_cast<size_t>(random.integer(0, static_cast<int64_t>(values.size()) - 1))] = bad;
  };
  switch (target) {
    case Target::kInput: place(samples.inputs); return "an input sample is not finite";
    case Target::kLabel: place(samples.values); return "check the labels";
    case Target::kWeight: break;
  }
  const Architecture& a = learner.network().architecture();
  const auto parameter = static_cast<size_t>(random.integer(0, static_cast<int64_t>(a.parameters().size()) - 1));
  const auto& p = a.parameters()[parameter];
  learner.network().weights()[p.offset + random.integer(0, p.shape.size() - 1)] = bad;
  return "layer \"" + a.layers()[static_cast<size_t>(p.layer)]->name() + "\"";
}

// Calls `check(learner, samples, injected value, what a message has to name)` 500 times for each of two nets.
void for_each_injection(NonFinitePolicy policy,
                        const std::function<void(Learner&, const Samples&, float, const std::string&)>& check) {
  RandomData random(701);
  for (LearnerOptions options : {regression_mlp(), classifying_conv_net()}) {
    options.non_finite = policy;
    for (int i = 0; i < 500; ++i) {
      options.seed = static_cast<uint64_t>(i);
      const auto learner = make_learner(options);
      Samples samples = samples_for(options, static_cast<uint64_t>(i));
      CHECK(take_step(*learner, samples).error.empty());  // so that there is a state to keep
      const bool values = !samples.values.empty();
      const Target target = random.pick({Target::kInput, Target::kWeight, values ? Target::kLabel : Target::kInput});
      const float bad = kBadValues[random.integer(0, 2)];
      CAPTURE(i);
      CAPTURE(options.loss);
      CAPTURE(static_cast<int>(target));
      CAPTURE(bad);
      const std::string name = inject(random, *learner, samples, target, bad);
      check(*learner, samples, bad, name);
    }
  }
}

}  // namespace

TEST_CASE("nonFinite stop: 1,000 injections, each reported in the same step, the layer named") {
  int reported = 0;
  int named = 0;
  for_each_injection(NonFinitePolicy::kStop,
                     [&](Learner& learner, const Samples& samples, float bad, const std::string& name) {
                       CAPTURE(name);
                       const std::vector<float> before = state_of(learner);
                       const Step step = take_step(learner, samples);
                       CAPTURE(step.error);
                       CHECK(contains(step.error, "NOT_FINITE: "));
                       CHECK(contains(step.error, " at step 2"));
                       CHECK(learner.steps == 1);
                       reported += step.error.empty() ? 0 : 1;
                       if (contains(step.error, "Nothing of this step was changed")) {
                         CHECK(difference_in_bits(state_of(learner), before) == "");
                       }
                       // NaN goes straight through every layer. An infinity may first show in the gradient of
                       // a layer nearby.
                       if (std::isnan(bad)) CHECK(contains(step.error, name));
                       named += contains(step.error, name) ? 1 : 0;
                     });
  MESSAGE("reported " << reported << " of 1000 injections; " << named << " by the name of the place itself");
  CHECK(reported == 1000);
}

TEST_CASE(
    "nonFinite skip: 1,000 injections, each step left out, weights, states and step count bit for bit as "
    "before") {
  int skipped = 0;
  for_each_injection(NonFinitePolicy::kSkip, [&](Learner& learner, const Samples& samples, float, const std::string&) {
    const std::vector<float> before = state_of(learner);
    const Step step = take_step(learner, samples);
    CHECK(step.error.empty());
    CHECK(step.outcome == StepOutcome::kSkipped);
    CHECK(difference_in_bits(state_of(learner), before) == "");
    CHECK(learner.steps == 1);
    skipped += step.outcome == StepOutcome::kSkipped ? 1 : 0;
  });
  CHECK(skipped == 1000);
}

TEST_CASE("nonFinite ignore: goes on, and NaN spreads instead of stale numbers") {
  RandomData random(702);
  for (LearnerOptions options : {regression_mlp(), classifying_conv_net()}) {
    options.non_finite = NonFinitePolicy::kIgnore;
    const auto learner = make_learner(options);
    Samples samples = samples_for(options, 1);
    samples.inputs[3] = std::nanf("");
    const Step step = take_step(*learner, samples);
    CHECK(step.error.empty());
    CHECK(step.outcome == StepOutcome::kUpdated);
    CHECK(learner->steps == 1);
    const std::vector<float> state = state_of(*learner);
    CHECK(std::any_of(state.begin(), state.end(), [](float v) { return std::isnan(v); }));
  }
}

TEST_CASE("nonFinite stop: no false alarms over 1,000 steps of finite data, small and large") {
  for (LearnerOptions options : {regression_mlp(), classifying_conv_net()}) {
    for (const auto policy : {NonFinitePolicy::kStop, NonFinitePolicy::kSkip}) {
      options.non_finite = policy;
      const auto learner = make_learner(options);
      Samples samples = samples_for(options, 3);
      const float scales[] = {1, 1e-30F, 1e6F, 1e-3F, 0};
      for (int i = 0; i < 250; ++i) {
        CAPTURE(i);
        samples = samples_for(options, static_cast<uint64_t>(i));
        for (float& v : samples.inputs) v *= scales[i % 5];
        const Step step = take_step(*learner, samples);
        CHECK(step.error == "");
        CHECK(step.outcome == StepOutcome::kUpdated);
      }
    }
  }
}

TEST_CASE("nonFinite stop: a gradient that overflows under a finite loss names the layer and which layers moved") {
  LearnerOptions options{.input_shape = {2},
                         .layers = {dense({.units = 3, .name = "first"}), dense({.units = 1, .name = "last"})},
                         .loss = "meanSquaredError"};
  Samples samples = value_samples(kBatch, {2}, 1);
  samples.values[4] =
      3e38F;  // its square is a double; in the mean over a batch its gradient fits a float, but not times x
  for (float& x : samples.inputs) x *= 1000;
  const auto stopping = make_learner(options);
  const std::string error = take_step(*stopping, samples).error;
  CHECK(contains(error, "NOT_FINITE: a gradient or weight of layer \"last\" is not finite at step 1"));
  CHECK(contains(error, "The weights of last, first have moved in this step"));
  CHECK(stopping->steps == 0);

  options.non_finite = NonFinitePolicy::kSkip;
  const auto skipping = make_learner(options);
  const std::vector<float> before = state_of(*skipping);
  CHECK(take_step(*skipping, samples).outcome == StepOutcome::kSkipped);
  CHECK(difference_in_bits(state_of(*skipping), before) == "");
}

TEST_CASE("nonFinite skip: a model without weights trains without effect") {
  const auto learner = make_learner({.input_shape = {3},
                                     .layers = {plain_layer("tanh")},
                                     .loss = "meanSquaredError",
                                     .non_finite = NonFinitePolicy::kSkip});
  CHECK(take_step(*learner, value_samples(kBatch, {3}, 3)).error == "");
  CHECK(learner->steps == 1);
}
