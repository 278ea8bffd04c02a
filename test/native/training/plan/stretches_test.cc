// Threads: 1, 2 and 3. Inputs that are loaded in stretches, where one layer that sums them so is all that reads them.
#include <doctest/doctest.h>

#include "support/compare.h"
#include "support/graph_samples.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/plan/plan.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kBatch = 33;

// A layer that sums the inputs of 300 features in stretches.
Spec::Object wide(const std::string& name) { return dense({.units = 70, .activation = "relu", .name = name}); }
Spec::Object last() { return dense({.units = 3, .name = "last"}); }

std::vector<float> outputs(Network& network, const ArraySamples& samples, Phase phase, int threads) {
  Plan plan(network.shared_architecture(), {.batch = kBatch, .phase = phase, .threads = threads});
  plan.reserve(samples);
  Team::run(threads, [&](Team& team) {
    plan.load(team, samples, nullptr, 0, nullptr);
    if (phase == Phase::kPredicting) plan.prepare(team, network);
    plan.forward(team, network.weights(), {7, 3});
  });
  return {plan.output(), plan.output() + kBatch * 3};
}

// `right` comes as [10, 15, 2], the others as vectors of 300.
void check_threads(const Spec::List& layers) {
  RandomData random(903);
  GraphSamples samples{.count = 2 * kBatch, .target_size = 3};
  samples.columns = {float_column("left", {300}, samples.count, random),
                     float_column("right", {10, 15, 2}, samples.count, random)};
  samples.targets = random.normal(samples.count * 3);
  const LearnerOptions options{
      .input_shape = {}, .layers = layers, .loss = "meanSquaredError", .inputs = samples.inputs()};
  const auto one = make_learner(options);
  const ArraySamples view = samples.view();
  for (const Phase phase : {Phase::kTraining, Phase::kPredicting}) {
    const std::vector<float> expected = outputs(one->network(), view, phase, 1);
    for (const int threads : {2, 3}) {
      CHECK(difference_in_bits(outputs(one->network(), view, phase, threads), expected) == "");
    }
  }
  run_steps(*one, view, kBatch, 5, 1);
  for (const int threads : {2, 3}) {
    CAPTURE(threads);
    const auto learner = make_learner(options);
    run_steps(*learner, view, kBatch, 5, threads);
    CHECK(difference_in_bits(state_of(*learner), state_of(*one)) == "");
  }
}

// The first batch of an input as a plan loads it.
std::vector<float> loaded(const Spec::List& layers, const GraphSamples& samples, int input, int threads) {
  const LearnerOptions options{
      .input_shape = {}, .layers = layers, .loss = "meanSquaredError", .inputs = samples.inputs()};
  const auto learner = make_learner(options);
  Plan plan(learner->network().shared_architecture(), {.batch = kBatch, .phase = Phase::kTraining, .threads = threads});
  const ArraySamples view = samples.view();
  Team::run(threads, [&](Team& team) { plan.load(team, view, nullptr, 0, nullptr); });
  const float* const x = plan.input(input).x;
  return {x, x + kBatch * 300};
}

}  // namespace

TEST_CASE("stretches: of inputs that a layer alone reads, as they come and flattened") {
  check_threads({reads(wide("dense_1"), {"@left"}), reads(plain_layer("flatten"), {"@right"}),
                 reads(wide("dense_2"), {"flatten_1"}), reads(plain_layer("add"), {"dense_1", "dense_2"}),
                 reads(last(), {"add_1"})});
}

TEST_CASE("stretches: none of inputs that layers of several read, first or behind others") {
  check_threads({reads(wide("dense_1"), {"@left"}), reads(plain_layer("flatten"), {"@right"}),
                 reads(concat(), {"dense_1", "flatten_1"}), reads(last(), {"concat_1"})});
  check_threads({reads(plain_layer("flatten"), {"@right"}), reads(plain_layer("add"), {"flatten_1", "@left"}),
                 reads(wide("dense_1"), {"add_1"}), reads(last(), {"dense_1"})});
  check_threads({reads(plain_layer("flatten"), {"@right"}), reads(wide("dense_1"), {"flatten_1"}),
                 reads(concat(), {"@left", "dense_1"}), reads(last(), {"concat_1"})});
}

TEST_CASE("stretches: none of inputs that are read twice") {
  check_threads({reads(wide("dense_1"), {"@left"}), reads(wide("dense_2"), {"@left"}),
                 reads(plain_layer("flatten"), {"@right"}), reads(wide("dense_3"), {"flatten_1"}),
                 reads(concat(), {"flatten_1", "dense_1", "dense_2", "dense_3"}), reads(last(), {"concat_1"})});
}

TEST_CASE("stretches: none of inputs that another layer changes, which passes them on when it predicts") {
  check_threads({reads(dropout(0.3), {"@left"}), reads(wide("dense_1"), {"dropout_1"}),
                 reads(plain_layer("flatten"), {"@right"}), reads(wide("dense_2"), {"flatten_1"}),
                 reads(plain_layer("add"), {"dense_1", "dense_2"}), reads(last(), {"add_1"})});
}

TEST_CASE("stretches: an input lies in them where several threads load it for one layer, else in rows") {
  RandomData random(904);
  GraphSamples samples{.count = kBatch, .target_size = 3};
  samples.columns = {float_column("left", {300}, kBatch, random), float_column("right", {10, 15, 2}, kBatch, random)};
  samples.targets = random.normal(kBatch * 3);
  const Spec::List layers = {reads(wide("dense_1"), {"@left"}),
                             reads(plain_layer("flatten"), {"@right"}),
                             reads(wide("dense_2"), {"flatten_1"}),
                             reads(wide("dense_3"), {"flatten_1"}),
                             reads(plain_layer("add"), {"dense_1", "dense_2", "dense_3"}),
                             reads(last(), {"add_1"})};
  const std::vector<float>& left = samples.columns[0].floats;
  const std::vector<float>& right = samples.columns[1].floats;
  CHECK(loaded(layers, samples, 0, 1) == left);
  CHECK(loaded(layers, samples, 0, 2) == in_stretches(left, 300, 2));
  CHECK(loaded(layers, samples, 1, 2) == right);
}
