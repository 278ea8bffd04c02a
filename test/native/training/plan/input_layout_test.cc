// Threads: 1 and 3. Inputs that are gathered in lanes, beside the same ones in rows and converted: those of plans that
// give their gradients.
#include <doctest/doctest.h>

#include <cmath>

#include "support/compare.h"
#include "support/graph_samples.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/plan/plan.h"
#include "training/step/gradient_sinks.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kSamples = 40;
constexpr RandomState kRandom{7, 3};

Spec::Object convolution(const std::string& name, const std::string& input) {
  return reads(conv2d({.filters = 5, .padding = "same", .name = name}), {input});
}

// @left is read by one layer, @right by two, @features by a narrow dense layer.
struct Net {
  Net() : samples{.count = kSamples, .target_size = 3} {
    RandomData random(905);
    samples.columns = {float_column("left", {9, 11, 3}, kSamples, random),
                       float_column("right", {9, 11, 1}, kSamples, random),
                       float_column("features", {6}, kSamples, random)};
    samples.targets = random.normal(kSamples * 3);
    layers = {convolution("conv2d_1", "@left"),
              convolution("conv2d_2", "@right"),
              convolution("conv2d_3", "@right"),
              reads(plain_layer("add"), {"conv2d_1", "conv2d_2", "conv2d_3"}),
              reads(plain_layer("flatten"), {"add_1"}),
              reads(dense({.units = 3, .name = "dense_1"}), {"flatten_1"}),
              reads(dense({.units = 3, .name = "dense_2"}), {"@features"}),
              Spec::Object{{"kind", "add"}, {"name", "add_2"}, {"inputs", Spec::List{"dense_1", "dense_2"}}}};
    learner =
        make_learner({.input_shape = {}, .layers = layers, .loss = "meanSquaredError", .inputs = samples.inputs()});
  }

  Plan plan(int64_t batch, int threads, InputGradient kept) const {
    return Plan(learner->network().shared_architecture(),
                {.batch = batch, .phase = Phase::kTraining, .threads = threads, .input_gradient = kept});
  }

  GraphSamples samples;
  Spec::List layers;
  std::unique_ptr<Learner> learner;
};

// Of samples 2, 3, ...
std::vector<float> outputs(const Net& net, Plan& plan) {
  const ArraySamples view = net.samples.view();
  Team::run(plan.threads(), [&](Team& team) {
    plan.load(team, view, nullptr, 2);
    plan.forward(team, net.learner->network().weights(), kRandom);
  });
  return {plan.output(), plan.output() + plan.batch() * 3};
}

}  // namespace

TEST_CASE("inputs in lanes: as those in rows that are converted") {
  const Net net;
  for (const int64_t batch : {1, 5, 8, 17, 33}) {
    CAPTURE(batch);
    Plan converting = net.plan(batch, 1, InputGradient::kKept);
    const std::vector<float> expected = outputs(net, converting);
    for (int input = 0; input < 3; ++input) CHECK(!converting.input(input).lanes);
    for (const int threads : {1, 3}) {
      Plan plan = net.plan(batch, threads, InputGradient::kNone);
      CHECK(difference_in_bits(outputs(net, plan), expected) == "");
      // In lanes from eight samples on, and where one layer alone reads the input.
      CHECK(plan.input(0).lanes == (batch >= 8));
      CHECK(!plan.input(1).lanes);
      CHECK(plan.input(2).lanes == (batch >= 8));
    }
  }
}

TEST_CASE("inputs in lanes: one that is not finite is named, none of the lanes without a sample") {
  Net net;
  Plan plan = net.plan(17, 1, InputGradient::kNone);
  const auto find = [&] {
    const ArraySamples view = net.samples.view();
    int layer = 0;
    Team::run(1, [&](Team& team) {
      plan.load(team, view, nullptr, 2);
      layer = plan.find_non_finite(team, net.learner->network().weights(), kRandom);
    });
    return layer;
  };
  CHECK(find() == Plan::kNowhere);
  REQUIRE(plan.input(0).lanes);
  net.samples.columns[0].floats[18 * 9 * 11 * 3 + 5] = std::nanf("");  // of the last of samples 2 to 18
  CHECK(find() == Plan::kInput);
}

TEST_CASE("inputs in lanes: several share the room in which samples are made whole") {
  const auto floats = [](size_t inputs) {
    RandomData random(906);
    GraphSamples samples{.count = 32, .target_size = 1};
    Spec::List layers;
    Spec::List names;
    for (size_t i = 0; i < inputs; ++i) {
      const std::string number = std::to_string(i);
      samples.columns.push_back(float_column("in" + number, {32, 32, 3}, 32, random));
      layers.push_back(reads(conv2d({.filters = 1, .kernel_size = {8, 8}, .strides = {8, 8}, .name = "c" + number}),
                             {"@in" + number}));
      names.push_back("c" + number);
    }
    layers.push_back(reads(plain_layer("add"), names));
    const auto learner =
        make_learner({.input_shape = {}, .layers = layers, .loss = "meanSquaredError", .inputs = samples.inputs()});
    const Plan plan(learner->network().shared_architecture(), {.batch = 32, .phase = Phase::kPredicting, .threads = 1});
    return plan.workspace_floats();
  };
  constexpr int64_t kInput = 32 * 32 * 32 * 3;
  // Two inputs in lanes and one in rows, and less than another for what comes behind.
  CHECK(floats(2) >= 3 * kInput);
  CHECK(floats(2) < 4 * kInput);
  CHECK(floats(4) - floats(2) < 3 * kInput);
}
