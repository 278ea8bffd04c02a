// Networks of several inputs, and layers that share their weights. Threads: 1, 2 and 3.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

#include "support/allocation_counter.h"
#include "support/compare.h"
#include "support/graph_samples.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/inference/differentiate.h"
#include "training/network/network.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

using Values = std::vector<double>;

Spec::Object shares(Spec::Object spec, const std::string& owner) {
  spec["shares"] = owner;
  return spec;
}

Spec::Object named(Spec::Object spec, const std::string& name) {
  spec["name"] = name;
  return spec;
}

constexpr int64_t kCount = 21;
constexpr int64_t kBatch = 7;
constexpr int kSteps = 6;

// Two dense inputs through one tower, two lists of ids through one table, a bag of features; all added.
GraphSamples all_forms() {
  RandomData random(901);
  GraphSamples samples{.count = kCount, .target_size = 6};
  samples.columns = {float_column("left", {5}, kCount, random), float_column("right", {5}, kCount, random),
                     id_column("item", 2, 12, kCount, random), id_column("history", 4, 12, kCount, random),
                     sparse_column("tags", 30, kCount, random)};
  samples.targets = random.normal(kCount * 6);
  return samples;
}

LearnerOptions all_forms_net(const GraphSamples& samples,
                             Spec::Object items = embedding({.rows = 12, .units = 3, .name = "items"})) {
  const Spec::Object tower = dense({.units = 6, .activation = "tanh", .name = "tower"});
  return {.input_shape = {},
          .layers = {reads(tower, {"@left"}), shares(reads(named(tower, "tower:2"), {"@right"}), "tower"),
                     reads(items, {"@item"}), named(plain_layer("flatten"), "item_flat"),
                     shares(reads(named(items, "items:2"), {"@history"}), "items"),
                     named(plain_layer("flatten"), "history_flat"), dense({.units = 6, .name = "head"}),
                     reads(embedding_bag({.units = 6, .pooling = "sum", .name = "tags"}), {"@tags"}),
                     reads(plain_layer("add"), {"tower", "tower:2", "item_flat", "head", "tags"})},
          .loss = "meanSquaredError",
          .inputs = samples.inputs()};
}

// The loss of samples [first, first + kBatch) by the definition, in double. Parameters as in files, in order.
double all_forms_loss(const GraphSamples& samples, const std::vector<Values>& p, int64_t first) {
  const auto& [tower, tower_bias, items, head, head_bias, tags] = std::tie(p[0], p[1], p[2], p[3], p[4], p[5]);
  double loss = 0;
  for (int64_t n = first; n < first + kBatch; ++n) {
    const auto row = static_cast<size_t>(n);
    const GraphColumn& bag = samples.columns[4];
    for (size_t o = 0; o < 6; ++o) {
      double y = 0;
      for (const size_t side : {size_t{0}, size_t{1}}) {
        double z = tower_bias[o];
        for (size_t i = 0; i < 5; ++i) z += tower[o * 5 + i] * samples.columns[side].floats[row * 5 + i];
        y += std::tanh(z);
      }
      y += items[static_cast<size_t>(samples.columns[2].ids[row * 2 + o / 3]) * 3 + o % 3];
      y += head_bias[o];
      for (size_t i = 0; i < 12; ++i) {
        y += head[o * 12 + i] * items[static_cast<size_t>(samples.columns[3].ids[row * 4 + i / 3]) * 3 + i % 3];
      }
      for (size_t e = bag.offsets[row]; e < bag.offsets[row + 1]; ++e)
        y += bag.values[e] * tags[bag.features[e] * 6 + o];
      const double error = y - samples.targets[row * 6 + o];
      loss += error * error / 6 / kBatch;
    }
  }
  return loss;
}

std::vector<Values> parameters_of(const Network& network) {
  std::vector<Values> all;
  const Architecture& architecture = network.architecture();
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    std::vector<float> values(static_cast<size_t>(architecture.parameters()[p].shape.size()));
    architecture.export_parameter(static_cast<int>(p), network.weights(), values.data());
    all.emplace_back(values.begin(), values.end());
  }
  return all;
}

// By central differences: the definition alone says what a shared weight's gradient is.
std::vector<Values> gradients_of(const std::function<double()>& loss, std::vector<Values>& parameters) {
  constexpr double kStep = 1e-5;
  std::vector<Values> gradients;
  for (Values& parameter : parameters) {
    Values& gradient = gradients.emplace_back();
    for (double& value : parameter) {
      const double at = value;
      value = at + kStep;
      const double above = loss();
      value = at - kStep;
      const double below = loss();
      value = at;
      gradient.push_back((above - below) / (2 * kStep));
    }
  }
  return gradients;
}

}  // namespace

TEST_CASE("graphs: floats, ids and sparse samples, a shared tower and a shared table, trained as the definition says") {
  const GraphSamples samples = all_forms();
  LearnerOptions options = all_forms_net(samples);
  options.optimizer = adagrad({.learning_rate = 0.2, .initial_accumulator = 0.1});
  const auto learner = make_learner(options);
  const auto& parameters = learner->network().architecture().parameters();
  REQUIRE(parameters.size() == 6);
  CHECK(parameters[0].name == "tower.weight");
  CHECK(parameters[2].name == "items.weight");
  CHECK(parameters[3].name == "head.weight");

  std::vector<Values> expected = parameters_of(learner->network());
  std::vector<Values> accumulators;
  for (const Values& parameter : expected) accumulators.emplace_back(parameter.size(), 0.1);
  for (int step = 0; step < kSteps; ++step) {
    const int64_t first = step % 3 * kBatch;
    const auto gradients = gradients_of([&] { return all_forms_loss(samples, expected, first); }, expected);
    for (size_t p = 0; p < expected.size(); ++p) {
      for (size_t i = 0; i < expected[p].size(); ++i) {
        accumulators[p][i] += gradients[p][i] * gradients[p][i];
        expected[p][i] -= 0.2 * gradients[p][i] / (std::sqrt(accumulators[p][i]) + 1e-10);
      }
    }
  }
  const std::vector<Values> before = parameters_of(learner->network());
  run_steps(*learner, samples.view(), kBatch, kSteps, 2);
  const std::vector<Values> trained = parameters_of(learner->network());
  for (size_t p = 0; p < expected.size(); ++p) {
    CAPTURE(parameters[p].name);
    CHECK(difference(trained[p], expected[p], Tolerance{2e-5, 2e-6}) == "");
    CHECK(trained[p] != before[p]);
  }
}

TEST_CASE("graphs: gradients of all parameters and inputs against central differences in double") {
  const GraphSamples samples = all_forms();
  const auto learner = make_learner(all_forms_net(samples));
  const std::vector<uint32_t> rows = {0, 1, 2, 3, 4, 5, 6};
  const ArraySamples view = samples.view(rows.data(), kBatch);
  Network& network = learner->network();
  // The gradient of the loss by the outputs, from the outputs themselves.
  std::vector<float> dy(kBatch * 6);
  const auto zero = differentiate(network, view, dy.data(), 1, {0, 0});
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = 2 * (zero.output[i] - samples.targets[i]) / (6 * kBatch);
  std::vector<Values> p = parameters_of(network);
  GraphSamples moved = samples;
  const auto loss = [&] { return all_forms_loss(moved, p, 0); };
  const std::vector<Values> expected = gradients_of(loss, p);
  for (const int threads : {1, 3}) {
    const Differentiation d = differentiate(network, view, dy.data(), threads, {0, 0});
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(difference(d.parameter_gradients[i], expected[i], Tolerance{1e-4, 1e-6}) == "");
    }
    REQUIRE(d.input_gradients.size() == 5);
    for (size_t column = 0; column < 5; ++column) {
      const bool ids = column == 2 || column == 3;
      if (ids) {
        CHECK(d.input_gradients[column].empty());
        continue;
      }
      Values differences;
      // Of sparse samples by the values of their entries.
      std::vector<float>& x = column == 4 ? moved.columns[column].values : moved.columns[column].floats;
      const size_t count = column == 4 ? moved.columns[column].offsets[kBatch] : kBatch * 5;
      for (size_t i = 0; i < count; ++i) {
        const float at = x[i];
        x[i] = at + 0x1p-7F;
        const double above = loss();
        x[i] = at - 0x1p-7F;
        const double below = loss();
        x[i] = at;
        differences.push_back((above - below) / 0x1p-6);
      }
      CHECK(difference(d.input_gradients[column], differences, Tolerance{2e-3, 2e-5}) == "");
    }
  }
}

TEST_CASE("graphs: equal bits at 1, 2 and 3 threads, and of steps that gather several batches") {
  RandomData random(902);
  GraphSamples samples{.count = 330, .target_size = 33};
  samples.columns = {float_column("left", {70}, 330, random), float_column("right", {70}, 330, random),
                     id_column("item", 1, 5000, 330, random), id_column("history", 40, 5000, 330, random)};
  samples.targets = random.normal(330 * 33);
  const Spec::Object tower = dense({.units = 33, .activation = "relu", .name = "tower"});
  const Spec::Object items = embedding_bag({.units = 33, .rows = 5000, .name = "items"});
  const Spec::List towers = {reads(tower, {"@left"}), shares(reads(named(tower, "tower:2"), {"@right"}), "tower")};
  Spec::List all = towers;
  all.insert(all.end(), {reads(items, {"@item"}), shares(reads(named(items, "items:2"), {"@history"}), "items"),
                         reads(plain_layer("add"), {"tower", "tower:2", "items", "items:2"})});
  const LearnerOptions options{
      .input_shape = {}, .layers = all, .loss = "meanSquaredError", .inputs = samples.inputs()};
  const auto one = make_learner(options);
  run_steps(*one, samples.view(), 33, 20, 1);
  for (const int threads : {2, 3}) {
    CAPTURE(threads);
    const auto learner = make_learner(options);
    run_steps(*learner, samples.view(), 33, 20, threads);
    CHECK(difference_in_bits(state_of(*learner), state_of(*one)) == "");
  }

  // Two batches of 165 in a step are one of 330, but for the order of sums.
  GraphSamples dense_samples = samples;
  dense_samples.columns.resize(2);
  Spec::List layers = towers;
  layers.push_back(reads(plain_layer("add"), {"tower", "tower:2"}));
  const LearnerOptions dense_options{
      .input_shape = {}, .layers = layers, .loss = "meanSquaredError", .inputs = dense_samples.inputs()};
  const auto fit_in = [&](int64_t batch, int64_t batches_per_step) {
    auto learner = make_learner(dense_options);
    RecordingObserver observer;
    const std::atomic<bool> never{false};
    const FitOptions fit_options{.epochs = 8,
                                 .batch = batch,
                                 .shuffle = Shuffle::kEachEpoch,
                                 .threads = 2,
                                 .progress_interval = 0,
                                 .batches_per_step = batches_per_step};
    fit(*learner, dense_samples.view(), nullptr, fit_options, never, observer);
    return parameters_of(learner->network());
  };
  const auto gathered = fit_in(165, 2);
  const auto whole = fit_in(330, 1);
  for (size_t p = 0; p < whole.size(); ++p) CHECK(difference(gathered[p], whole[p], Tolerance{1e-4, 1e-5}) == "");
}

namespace {

// Rows of tables beside a dense vector. With a layer between them that changes nothing, rows are copied to their place.
LearnerOptions joined_net(const GraphSamples& samples, bool copied) {
  Spec::List layers;
  Spec::List parts;
  const auto part = [&](Spec::Object spec, const std::string& input, bool flattened) {
    std::string name = "@" + input;
    const auto add = [&](Spec::Object layer, const std::string& suffix) {
      layers.emplace_back(reads(named(std::move(layer), input + suffix), Spec::List(1, name)));
      name = input + suffix;
    };
    add(std::move(spec), "_read");
    if (flattened) add(plain_layer("flatten"), "_flat");
    if (copied) add(leaky_relu(1), "_same");
    parts.push_back(name);
  };
  part(dense({.units = 5, .activation = "tanh"}), "values", false);
  part(embedding({.rows = 5000, .units = 33}), "item", true);
  part(embedding({.rows = 40, .units = 3}), "pair", true);
  part(embedding({.rows = 9, .units = 1, .padding_id = 4}), "place", true);
  layers.push_back(reads(concat(), parts));
  layers.push_back(dense({.units = 6, .name = "last"}));
  return {.input_shape = {}, .layers = layers, .loss = "meanSquaredError", .inputs = samples.inputs()};
}

}  // namespace

TEST_CASE("graphs: rows of tables are written where a concat puts them, which changes no bit") {
  RandomData random(903);
  GraphSamples samples{.count = 660, .target_size = 6};
  samples.columns = {float_column("values", {7}, 660, random), id_column("item", 1, 5000, 660, random),
                     id_column("pair", 2, 40, 660, random), id_column("place", 1, 9, 660, random)};
  samples.targets = random.normal(660 * 6);
  const auto joined = make_learner(joined_net(samples, false));
  const auto copied = make_learner(joined_net(samples, true));
  run_steps(*copied, samples.view(), 330, 6, 1);
  run_steps(*joined, samples.view(), 330, 6, 1);
  CHECK(difference_in_bits(state_of(*joined), state_of(*copied)) == "");
  for (const int threads : {2, 3}) {
    const auto learner = make_learner(joined_net(samples, false));
    run_steps(*learner, samples.view(), 330, 6, threads);
    CHECK(difference_in_bits(state_of(*learner), state_of(*joined)) == "");
  }

  // The pair of rows of a sample is one vector of the concat: its rows are not evenly apart.
  for (const Phase phase : {Phase::kTraining, Phase::kPredicting}) {
    const Plan plan(joined->network().shared_architecture(), {.batch = 330, .phase = phase, .threads = 1});
    const std::vector<int64_t> floats = {336 * 5, 0, 0, 330 * 6, 0, 0, 0, 330 * 45, 330 * 6};
    for (size_t i = 0; i < floats.size(); ++i) {
      CAPTURE(i);
      CHECK(plan.describe(static_cast<int>(i)).activation == floats[i]);
    }
  }

  // What is not finite is found in its place, too.
  const Architecture::Parameter& items = joined->network().architecture().parameters()[2];
  REQUIRE(items.name == "item_read.weight");
  std::fill_n(joined->network().weights() + items.offset, items.shape.size(), NAN);
  CHECK(contains(error_of([&] { run_steps(*joined, samples.view(), 330, 1, 1); }), "come from layer \"item_read\""));
}

namespace {

// Tables that threads look up side by side: some with another shape behind them, with a padding, frozen, of bfloat16,
// or of one float a row, whose entries need no groups; and one with an input that another reads, too, looked up by
// itself.
GraphSamples many_tables() {
  RandomData random(904);
  GraphSamples samples{.count = 99, .target_size = 4};
  samples.columns = {float_column("values", {3}, 99, random), id_column("user", 1, 500, 99, random),
                     id_column("items", 5, 300, 99, random),  id_column("pair", 2, 40, 99, random),
                     id_column("tags", 7, 60, 99, random),    id_column("region", 1, 20, 99, random),
                     id_column("brand", 1, 90, 99, random),   id_column("clicks", 9, 3000, 99, random)};
  samples.targets = random.normal(99 * 4);
  return samples;
}

LearnerOptions many_tables_net(const GraphSamples& samples, const std::string& duplicates = "sum") {
  const auto table = [](const Spec::Object& spec, const std::string& name, const std::string& input) {
    return reads(named(spec, name), {input});
  };
  const auto flat = [](const std::string& of) { return reads(named(plain_layer("flatten"), of + "_flat"), {of}); };
  const Spec::List parts{"values",      "user_flat",  "items",  "pair_flat",     "tags",
                         "region_flat", "brand_flat", "clicks", "user_bias_flat"};
  Spec::Object optimizer = adagrad({});
  optimizer["duplicates"] = duplicates;
  const Spec::Object brand = embedding({.rows = 90, .units = 6});  // of bfloat16 where it may be
  return {
      .input_shape = {},
      .layers = {reads(dense({.units = 8, .name = "values"}), {"@values"}),
                 table(embedding({.rows = 500, .units = 12}), "user", "@user"), flat("user"),
                 table(embedding_bag({.units = 9, .pooling = "mean", .rows = 300, .padding_id = 2}), "items", "@items"),
                 table(embedding({.rows = 40, .units = 3}), "pair", "@pair"), flat("pair"),
                 table(embedding_bag({.units = 17, .pooling = "max", .rows = 60}), "tags", "@tags"),
                 table(frozen(embedding({.rows = 20, .units = 2})), "region", "@region"), flat("region"),
                 table(duplicates == "sum" ? in_bfloat16(brand) : brand, "brand", "@brand"), flat("brand"),
                 table(embedding_bag({.units = 1, .pooling = "sum", .rows = 3000}), "clicks", "@clicks"),
                 table(embedding({.rows = 500, .units = 1}), "user_bias", "@user"), flat("user_bias"),
                 reads(concat(), parts), dense({.units = 4, .name = "last"})},
      .loss = "meanSquaredError",
      .optimizer = optimizer,
      .inputs = samples.inputs()};
}

}  // namespace

TEST_CASE("graphs: small tables that threads look up side by side: equal bits at 1 to 4 threads, and no allocation") {
  const GraphSamples samples = many_tables();
  const auto one = make_learner(many_tables_net(samples));
  run_steps(*one, samples.view(), 33, 60, 1);
  for (const int threads : {2, 3, 4}) {
    CAPTURE(threads);
    const auto learner = make_learner(many_tables_net(samples));
    run_steps(*learner, samples.view(), 33, 60, threads);
    CHECK(difference_in_bits(state_of(*learner), state_of(*one)) == "");

    TrainStep step(*learner, 33, threads);
    step.reserve(samples.view());
    ObjectiveTotals totals = learner->objective()->empty_totals(99);
    int64_t allocations = 0;
    const ArraySamples view = samples.view();
    Team::run(threads, [&](Team& team) {
      step.run(team, view, nullptr, 0, totals);
      const int64_t before = allocation_count();
      step.run(team, view, nullptr, 33, totals);
      allocations = allocation_count() - before;
    });
    CHECK(allocations == 0);

    // Their time is told in equal shares, and is all of a step's.
    StepClock clock(step.plan().nodes(), 1);
    step.time(&clock);
    Team::run(threads, [&](Team& team) { step.run(team, view, nullptr, 66, totals); });
    double seconds = 0;
    for (size_t part = 0; part < forward_part(step.plan().nodes()); ++part) seconds += clock.seconds(part);
    CHECK(seconds == doctest::Approx(clock.steps().front()).epsilon(1e-9));
    const std::vector<Plan::Update> no_updates(learner->network().architecture().parameters().size());
    const auto nodes = step.plan().work(no_updates, UpdateBehind::kEach);
    const auto number_of = [&](const std::string& name) {
      const auto is_it = [&](const Plan::NodeWork& node) {
        return node.layer != nullptr && node.layer->name() == name;
      };
      return static_cast<size_t>(std::ranges::find_if(nodes, is_it) - nodes.begin());
    };
    const auto forward_seconds = [&](const std::string& name) { return clock.seconds(forward_part(number_of(name))); };
    const auto backward_seconds = [&](const std::string& name) {
      return clock.seconds(backward_part(number_of(name)));
    };
    CHECK(forward_seconds("user") > 0);
    for (const std::string other : {"items", "pair", "tags", "brand", "clicks"}) {
      CHECK(forward_seconds(other) == forward_seconds("user"));
      CHECK(backward_seconds(other) == backward_seconds("user"));
    }
    CHECK(forward_seconds("region") == forward_seconds("user"));
    CHECK(backward_seconds("region") == 0);
    CHECK(forward_seconds("user_bias") != forward_seconds("user"));
  }
}

TEST_CASE("graphs: the scratch of tables side by side is that of one thread each") {
  const GraphSamples samples = many_tables();
  const auto learner = make_learner(many_tables_net(samples));
  const auto floats = [&](int threads) {
    return Plan(learner->network().shared_architecture(), {.batch = 33, .phase = Phase::kTraining, .threads = threads})
        .workspace_floats();
  };
  // The table that is looked up by itself has scratch for every thread.
  CHECK(floats(16) - floats(2) < 14 * 5000);
}

TEST_CASE("graphs: tables whose entries make updates of their own take their turns: equal bits at 1 and 3 threads") {
  const GraphSamples samples = many_tables();
  const auto one = make_learner(many_tables_net(samples, "sequential"));
  run_steps(*one, samples.view(), 33, 20, 1);
  const auto three = make_learner(many_tables_net(samples, "sequential"));
  run_steps(*three, samples.view(), 33, 20, 3);
  CHECK(difference_in_bits(state_of(*three), state_of(*one)) == "");
  const auto summed = make_learner(many_tables_net(samples));
  run_steps(*summed, samples.view(), 33, 20, 3);
  CHECK(difference_in_bits(state_of(*summed), state_of(*one)) != "");
}

TEST_CASE("graphs: of ids in several inputs that no table has, the first is told, and nothing changes") {
  GraphSamples samples = many_tables();
  const ArraySamples view = samples.view();
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    const auto learner = make_learner(many_tables_net(samples));
    const std::vector<float> before = state_of(*learner);
    const int32_t of_pair = std::exchange(samples.columns[3].ids[4], 40);
    const int32_t of_tags = std::exchange(samples.columns[4].ids[9], -1);
    CHECK(contains(error_of([&] { run_steps(*learner, view, 33, 1, threads); }),
                   "ID_OUT_OF_RANGE: sample 2 of input \"pair\" has the id 40 at place 0"));
    CHECK(difference_in_bits(state_of(*learner), before) == "");
    samples.columns[3].ids[4] = of_pair;
    samples.columns[4].ids[9] = of_tags;
  }
}

TEST_CASE("graphs: a frozen shared table stays while all else trains") {
  const GraphSamples samples = all_forms();
  const auto learner =
      make_learner(all_forms_net(samples, frozen(embedding({.rows = 12, .units = 3, .name = "items"}))));
  const std::vector<Values> before = parameters_of(learner->network());
  run_steps(*learner, samples.view(), kBatch, 3, 2);
  const std::vector<Values> after = parameters_of(learner->network());
  CHECK(after[2] == before[2]);
  CHECK(after[0] != before[0]);
  CHECK(after[5] != before[5]);
}

TEST_CASE("graphs: a training step of shared tables and towers allocates nothing") {
  const GraphSamples samples = all_forms();
  for (const int threads : {1, 2}) {
    const auto learner = make_learner(all_forms_net(samples));
    const ArraySamples view = samples.view();
    TrainStep step(*learner, kBatch, threads);
    step.reserve(view);
    ObjectiveTotals totals = learner->objective()->empty_totals(20 * kBatch);
    Team::run(threads, [&](Team& team) {
      step.run(team, view, nullptr, 0, totals);
      const int64_t before = allocation_count();
      for (int i = 0; i < 9; ++i) step.run(team, view, nullptr, i % 3 * kBatch, totals);
      CHECK(allocation_count() == before);
    });
  }
}

TEST_CASE("graphs: a shared table is clipped by value behind the sum, and a value that is not finite is reported") {
  GraphSamples samples = all_forms();
  LearnerOptions options = all_forms_net(samples);
  options.optimizer = sgd({.learning_rate = 1});
  options.clip = {.kind = GradientClip::Kind::kValue, .limit = 1e-3};
  const auto learner = make_learner(options);
  const std::vector<Values> before = parameters_of(learner->network());
  run_steps(*learner, samples.view(), kBatch, 1, 2);
  const std::vector<Values> after = parameters_of(learner->network());
  double largest = 0;
  for (size_t i = 0; i < before[2].size(); ++i) largest = std::max(largest, std::abs(after[2][i] - before[2][i]));
  CHECK(largest == doctest::Approx(1e-3).epsilon(1e-3));

  const auto broken = make_learner(all_forms_net(samples));
  const auto& items = broken->network().architecture().parameters()[2];
  const int32_t row = samples.columns[3].ids[0];
  broken->network().weights()[items.offset + row * 3] = std::nanf("");
  CHECK(contains(error_of([&] { run_steps(*broken, samples.view(), kBatch, 1, 1); }),
                 "the first values that are not finite come from layer \"items"));
}

TEST_CASE("graphs: what cannot be is refused by name") {
  const NetworkInputs inputs{{{"a", {4}}, {"b", {5}}, {"c", {4}}}};
  const auto error = [&](const Spec::List& layers) { return error_of([&] { Architecture(inputs, layers); }); };
  const Spec::Object first = reads(dense({.units = 4, .name = "first"}), {"@a"});
  const Spec::Object second = reads(dense({.units = 4, .name = "second"}), {"@b"});
  CHECK(error({first, second, reads(plain_layer("add"), {"first", "second"})}) ==
        "INVALID_SPEC: no layer reads the input \"c\"");
  CHECK(error({first, second, reads(plain_layer("add"), {"first", "second", "@c"})}) == "");
  CHECK(error({first, shares(second, "first"), reads(plain_layer("add"), {"first", "second", "@c"})}) ==
        "SHAPE_MISMATCH: layer \"second\" shares the weights of \"first\", but its input of shape [5] needs others "
        "than [4]");
  CHECK(error({first, shares(second, "third")}) ==
        "INVALID_SPEC: layer \"second\" shares the weights of no layer before it");
  CHECK(error({first, shares(second, "second")}) ==
        "INVALID_SPEC: layer \"second\" shares the weights of no layer before it");
  const Spec::Object norm = reads(batch_norm({.name = "norm"}), {"@a"});
  CHECK(
      error({norm, shares(reads(batch_norm({.name = "norm:2"}), {"@c"}), "norm")}) ==
      "INVALID_SPEC: layer \"norm:2\" shares the weights of \"norm\", which keeps running statistics of its own input "
      "(runningMean); use a layer of its own");
  CHECK(contains(
      error({reads(embedding({.rows = 5, .units = 2}), {"@a"}), reads(dense({.units = 3, .name = "beside"}), {"@a"})}),
      "layer \"beside\" reads the input \"a\" in another form than the layers before it"));
}

TEST_CASE("graphs: samples are checked against their inputs by name") {
  GraphSamples samples = all_forms();
  CHECK(error_of([&] { samples.view().check_inputs(InputForm::kIds, 12, 3); }) == "");
  samples.columns[3].ids[9] = 12;
  CHECK(error_of([&] { samples.view().check_inputs(InputForm::kIds, 12, 3); }) ==
        "ID_OUT_OF_RANGE: sample 2 of input \"history\" has the id 12 at place 1, but the model's table has 12 rows: 0 "
        "to 11");
  CHECK(error_of([&] { samples.view().check_inputs(InputForm::kIds, 12, 0); }) ==
        "INVALID_DATA: the layers that read input \"left\" take ids, the dataset has other numbers; give them as an "
        "Int32Array");
  samples.columns[1].floats.resize(100);
  CHECK(contains(error_of([&] { samples.view(); }),
                 "SHAPE_MISMATCH: got 100 input values of input \"right\" for 21 samples of shape [5]"));
  samples = all_forms();
  samples.columns[1].floats.resize(110, 1.0F);
  CHECK(contains(error_of([&] { samples.view(); }), "have 21 and 22 rows; all must have the same"));
}
