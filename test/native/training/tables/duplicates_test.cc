// Updates of a table by each entry of a batch, beside a loop in double that does what `duplicates` says: gradients as
// of the step's start, applied to a row one after another in order of position. Threads: 1, 2 and 3.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <functional>
#include <set>

#include "kernels/reference/optimizers.h"
#include "support/compare.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kRows = 50;
constexpr int64_t kBatch = 33;
constexpr int kSteps = 5;
constexpr int64_t kNoPadding = -1;

Spec::Object with_duplicates(Spec::Object optimizer, const std::string& duplicates) {
  optimizer["duplicates"] = duplicates;
  return optimizer;
}

// Sparse samples with targets of `width` values each.
struct TargetedSamples {
  SparseSamples samples;
  std::vector<float> values;
  int64_t width;

  ArraySamples view() const {
    ArrayDescription description;
    description.count = static_cast<int64_t>(samples.classes.size());
    description.labels = {LabelArray::Type::kFloat32, values.data(), static_cast<int64_t>(values.size()), width};
    description.scale.assign(1, 1.0F);
    description.shift.assign(1, 0.0F);
    description.inputs = {.type = InputArray::Type::kSparse,
                          .data = samples.values.data(),
                          .length = static_cast<int64_t>(samples.indices.size()),
                          .indices = samples.indices.data(),
                          .offsets = samples.offsets.data(),
                          .rows = description.count};
    return {description, {samples.features}};
  }
};

TargetedSamples targets_of(int64_t width, int64_t rows = kRows, int64_t count = 2 * kBatch) {
  RandomData random(77);
  return {sparse_samples(count, rows, 5), random.normal(count * width), width};
}

LearnerOptions net_of(const Spec::Object& layer, const Spec::Object& optimizer, int64_t rows = kRows) {
  return {.input_shape = {rows}, .layers = {layer}, .loss = "meanSquaredError", .optimizer = optimizer};
}

// One row's update by the gradient of one entry; `states` has [2][width].
using Update = std::function<void(const std::vector<double>& g, double* row, std::array<std::vector<double>, 2>& states,
                                  int64_t first)>;

std::vector<double> oracle(const TargetedSamples& targets, std::vector<double> table, double start,
                           const Update& update, int64_t padding) {
  const int64_t width = targets.width;
  const auto& [offsets, indices, values, classes, features] = targets.samples;
  std::array<std::vector<double>, 2> states{std::vector<double>(table.size(), 0.0),
                                            std::vector<double>(table.size(), start)};
  const auto at = [&](uint32_t row) { return static_cast<int64_t>(row) * width; };
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<double> before = table;
    for (int64_t n = step % 2 * kBatch; n < (step % 2 + 1) * kBatch; ++n) {
      const uint32_t begin = offsets[static_cast<size_t>(n)];
      const uint32_t end = offsets[static_cast<size_t>(n) + 1];
      std::vector<double> dy(static_cast<size_t>(width));
      for (int64_t d = 0; d < width; ++d) {
        double y = 0;
        for (uint32_t e = begin; e < end; ++e) {
          if (indices[e] != padding) y += double{values[e]} * before[static_cast<size_t>(at(indices[e]) + d)];
        }
        dy[static_cast<size_t>(d)] =
            2 * (y - double{targets.values[static_cast<size_t>(n * width + d)]}) / static_cast<double>(kBatch * width);
      }
      for (uint32_t e = begin; e < end; ++e) {
        if (indices[e] == padding) continue;
        std::vector<double> g = dy;
        for (double& value : g) value *= double{values[e]};
        update(g, table.data() + at(indices[e]), states, at(indices[e]));
      }
    }
  }
  return table;
}

struct Rule {
  Spec::Object spec;
  double start;  // of the accumulator
  Update update;
};

// Of rules by element: apply(g, w, first state, second state).
template <class Apply>
Update by_element(Apply apply) {
  return [=](const std::vector<double>& g, double* row, std::array<std::vector<double>, 2>& states, int64_t first) {
    for (size_t d = 0; d < g.size(); ++d) {
      const size_t i = static_cast<size_t>(first) + d;
      apply(g[d], row[d], states[0][i], states[1][i]);
    }
  };
}

std::vector<Rule> rules() {
  const auto rowwise = [](const std::vector<double>& g, double* row, std::array<std::vector<double>, 2>& states,
                          int64_t first) {
    double squares = 0;
    for (const double value : g) squares += value * value;
    double& s = states[1][static_cast<size_t>(first)];
    s += squares / static_cast<double>(g.size());
    for (size_t d = 0; d < g.size(); ++d) row[d] -= 0.1 / (std::sqrt(s) + 1e-8) * g[d];
  };
  const auto ada = [](const reference::AdagradOptions& options) {
    return by_element(
        [=](double g, double& w, double&, double& s) { reference::adagrad<double>(options, 1, g, w, s); });
  };
  return {
      {adagrad({.learning_rate = 0.1, .initial_accumulator = 0.1}), 0.1, ada({.learning_rate = 0.1})},
      {adagrad({.learning_rate = 0.1,
                .initial_accumulator = 0.01,
                .epsilon = 1e-3,
                .epsilon_placement = "inside",
                .direction = "maximize"}),
       0.01, ada({.learning_rate = 0.1, .epsilon = 1e-3, .epsilon_inside = true, .maximize = true})},
      {sgd({.learning_rate = 0.5}), 0, by_element([](double g, double& w, double&, double&) { w -= 0.5 * g; })},
      {penalized("ftrl", {.initial_accumulator = 0, .l1 = 0.001, .l2 = 0.01}), 0,
       by_element([](double g, double& w, double& z, double& n) {
         const double next = n + g * g;
         z += g - (std::sqrt(next) - std::sqrt(n)) / 0.1 * w;
         n = next;
         if (n == 0) return;
         const double size = (std::abs(z) - 0.001) / ((1 + std::sqrt(n)) / 0.1 + 0.01);
         w = size <= 0 ? 0 : std::copysign(size, -z);
       })},
      {rowwise_adagrad(), 0, rowwise},
  };
}

std::vector<float> table_of(Learner& learner) {
  const auto& parameter = learner.network().architecture().parameters().front();
  const float* from = learner.network().weights() + parameter.offset;
  return {from, from + parameter.shape.size()};
}

void check_layer(const Spec::Object& layer, int64_t width, int64_t padding) {
  const TargetedSamples targets = targets_of(width);
  for (const Rule& rule : rules()) {
    CAPTURE(Spec(rule.spec).string("kind"));
    std::vector<float> bits;
    for (const std::string duplicates : {"sequential", "hogwild"}) {
      for (const int threads : {1, 2, 3}) {
        if (duplicates == "hogwild" && threads > 1) continue;
        CAPTURE(threads);
        const auto learner = make_learner(net_of(layer, with_duplicates(rule.spec, duplicates)));
        const std::vector<double> start = to_double(table_of(*learner));
        run_steps(*learner, targets.view(), kBatch, kSteps, threads);
        if (bits.empty()) {
          bits = state_of(*learner);
          CHECK(scaled_error(table_of(*learner), oracle(targets, start, rule.start, rule.update, padding)) <= 1e-5);
        }
        CHECK(difference_in_bits(state_of(*learner), bits) == "");
      }
    }
    const auto summed = make_learner(net_of(layer, rule.spec));
    run_steps(*summed, targets.view(), kBatch, kSteps, 1);
    CHECK(difference_in_bits(state_of(*summed), bits) != "");
  }
}

}  // namespace

TEST_CASE("duplicates: entries of a row are applied one after another, as a loop in double does, on any threads") {
  for (const int64_t width : {1, 7, 100}) {
    CAPTURE(width);
    check_layer(sparse_dense({.units = width, .bias = false}), width, kNoPadding);
    check_layer(embedding_bag({.units = width, .pooling = "sum", .padding_id = 0}), width, 0);
  }
}

TEST_CASE("duplicates: sequential updates of many entries have equal bits at 1, 2, 3 and 8 threads") {
  for (const std::string pooling : {"max", "mean"}) {
    for (const int64_t width : {1, 33}) {
      CAPTURE(width);
      const TargetedSamples targets = targets_of(width, 100'000, 660);
      const auto train = [&](int threads) {
        const auto learner = make_learner(net_of(embedding_bag({.units = width, .pooling = pooling}),
                                                 with_duplicates(adagrad({}), "sequential"), 100'000));
        run_steps(*learner, targets.view(), 330, 6, threads);
        return state_of(*learner);
      };
      const std::vector<float> expected = train(1);
      for (const int threads : {2, 3, 8}) CHECK(difference_in_bits(train(threads), expected) == "");
    }
  }
}

TEST_CASE("duplicates: Hogwild threads learn, and leave alone the rows that no sample names") {
  const TargetedSamples targets = targets_of(1, 5000, 660);
  const std::set<uint32_t> named(targets.samples.indices.begin(), targets.samples.indices.end());
  for (const Spec::Object& optimizer : {adagrad({.learning_rate = 0.05}), rowwise_adagrad()}) {
    const auto learner =
        make_learner(net_of(sparse_dense({.units = 1, .bias = false}), with_duplicates(optimizer, "hogwild"), 5000));
    const std::vector<float> start = table_of(*learner);
    const auto loss = [&] {
      TrainStep step(*learner, 660, 1);
      ObjectiveTotals totals = learner->objective()->empty_totals();
      Team::run(1, [&](Team& team) { step.run(team, targets.view(), nullptr, 0, totals); });
      return totals.loss;
    };
    const double before = loss();
    run_steps(*learner, targets.view(), 330, 20, 3);
    CHECK(loss() < 0.8 * before);
    const std::vector<float> table = table_of(*learner);
    bool others_stay = true;
    for (size_t row = 0; row < table.size(); ++row) {
      others_stay &= named.count(static_cast<uint32_t>(row)) > 0 || table[row] == start[row];
    }
    CHECK(others_stay);
  }
}

TEST_CASE("duplicates: no Hogwild threads race for rows of several floats, nor for others that the same samples name") {
  for (const int64_t width : {2, 7, 33}) {
    CAPTURE(width);
    const TargetedSamples targets = targets_of(1, 5000, 660);
    Spec::Object scalars = sparse_dense({.units = 1, .bias = false});
    Spec::Object wide = embedding_bag({.units = width});
    scalars["inputs"] = wide["inputs"] = Spec::List{"@input"};
    Spec::Object sum = dense({.units = 1});
    Spec::Object both = plain_layer("add");
    both["inputs"] = Spec::List{"sparseDense_1", "dense_1"};
    for (const Rule& rule : rules()) {
      CAPTURE(Spec(rule.spec).string("kind"));
      const auto train = [&](const std::string& duplicates, int threads) {
        LearnerOptions net = net_of(scalars, with_duplicates(rule.spec, duplicates), 5000);
        net.layers = {scalars, wide, sum, both};
        const auto learner = make_learner(net);
        run_steps(*learner, targets.view(), 330, 6, threads);
        return state_of(*learner);
      };
      const std::vector<float> expected = train("sequential", 1);
      for (const int threads : {1, 2, 3, 8}) {
        CHECK(difference_in_bits(train("hogwild", threads), expected) == "");
      }
    }
  }
}

TEST_CASE("duplicates: what they cannot go with is refused before anything is trained") {
  const auto refused = [](LearnerOptions net, const std::string& duplicates = "sequential") {
    net.optimizer = with_duplicates(net.optimizer.empty() ? adagrad({}) : net.optimizer, duplicates);
    return error_of([&] { make_learner(net); });
  };
  const LearnerOptions bag = net_of(embedding_bag({.units = 3}), {});
  CHECK(refused(bag) == "");
  CHECK(refused(bag, "hogwild") == "");
  CHECK(refused(bag, "mean") == "INVALID_SPEC: duplicates \"mean\" does not exist");
  CHECK(refused({.input_shape = {5}, .layers = {dense({.units = 3})}}) ==
        "INVALID_OPTION: the optimizer adagrad has the option duplicates, which is about rows of tables (sparseDense, "
        "embedding, embeddingBag), and the model trains none; leave it out");
  CHECK(refused({.input_shape = {5}, .layers = {dense({.units = 3})}}, "sum") == "");
  CHECK(contains(refused({.input_shape = {50}, .layers = {frozen(embedding_bag({.units = 3})), dense({.units = 10})}}),
                 "the model trains none"));
  LearnerOptions clipped = bag;
  clipped.clip = {GradientClip::Kind::kGlobalNorm, 1};
  CHECK(contains(refused(clipped), "clipGradients by a norm keeps the gradients of all weights"));
  Spec::Object second = embedding_bag({.units = 3, .name = "second"});
  second["shares"] = "embeddingBag_1";
  second["inputs"] = Spec::List{"@input"};
  Spec::Object both = plain_layer("add");
  both["inputs"] = Spec::List{"embeddingBag_1", "second"};
  CHECK(refused({.input_shape = {50}, .layers = {embedding_bag({.units = 3}), second, both}}) ==
        "INVALID_OPTION: the optimizer adagrad cannot apply duplicates one by one to the table "
        "\"embeddingBag_1.weight\", which several layers read: their gradients are summed by row; leave the option "
        "duplicates out");
}
