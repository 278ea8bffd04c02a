// Threads: 1 and 3.
#include "training/run/objective.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/reference/losses.h"
#include "support/compare.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

Objective objective(const char* kind, const Shape& outputs, const Spec::List& metrics = {}) {
  return {loss(kind), metrics, outputs};
}

std::string label_error(const char* kind, int64_t outputs, const Samples& samples) {
  return error_of([&] { objective(kind, {outputs}).check_labels(samples.view()); });
}

}  // namespace

TEST_CASE("Objective: labels have to be targets of the loss") {
  const Samples classes = class_samples(10, {4}, 3);
  const Samples values = value_samples(10, {4}, 3);
  CHECK(label_error("softmaxCrossEntropy", 3, classes).empty());
  CHECK(label_error("meanSquaredError", 3, values).empty());
  CHECK(label_error("sigmoidBinaryCrossEntropy", 3, values).empty());
  CHECK(contains(label_error("softmaxCrossEntropy", 2, classes), "LABEL_OUT_OF_RANGE"));
  CHECK(label_error("softmaxCrossEntropy", 3, values) ==
        "SHAPE_MISMATCH: softmaxCrossEntropy: takes class labels (integers), the dataset's labels are values");
  CHECK(label_error("meanSquaredError", 2, values) ==
        "SHAPE_MISMATCH: meanSquaredError: the model gives 2 values a sample, the dataset's labels have 3");
  CHECK(contains(label_error("meanSquaredError", 3, classes),
                 "takes 3 values a sample, the dataset's labels are classes"));
  // One yes-or-no output takes classes 0 and 1.
  CHECK(label_error("sigmoidBinaryCrossEntropy", 1, class_samples(10, {4}, 2)).empty());
  CHECK(contains(label_error("sigmoidBinaryCrossEntropy", 1, classes), "LABEL_OUT_OF_RANGE"));
  const Samples none{.inputs = std::vector<float>(8), .classes = {}, .values = {}, .shape = {4}, .label_size = 0};
  CHECK(label_error("meanSquaredError", 1, none) == "LABELS_MISSING: meanSquaredError: the dataset has no labels");
}

TEST_CASE("Objective: losses and metrics that do not fit the outputs are refused") {
  const Spec::Object accuracy{{"kind", "accuracy"}};
  CHECK(contains(error_of([] { objective("softmaxCrossEntropy", {3, 3, 2}); }), "SHAPE_MISMATCH: softmaxCrossEntropy"));
  CHECK(contains(error_of([&] { objective("meanSquaredError", {3}, {accuracy}); }), "SHAPE_MISMATCH: accuracy"));
  CHECK(error_of([&] { objective("softmaxCrossEntropy", {3}, {accuracy}); }).empty());
}

namespace {

// Several blocks of rows, of fewer rows where there are many classes.
void check_batches(int64_t classes) {
  CAPTURE(classes);
  const Spec::List metrics = {Spec::Object{{"kind", "accuracy"}}, Spec::Object{{"kind", "accuracy"}}};
  const auto shared = std::make_shared<const Objective>(loss("softmaxCrossEntropy"), metrics, Shape{classes});
  constexpr int64_t kBatch = 150;
  const Samples samples = class_samples(kBatch, {1}, static_cast<int>(classes));
  const std::vector<float> outputs = RandomData(801).normal(kBatch * classes);
  const std::vector<double> logits = to_double(outputs);
  std::vector<double> expected(logits.size());
  double expected_value = 0;
  for (int64_t n = 0; n < kBatch; ++n) {
    expected_value +=
        reference::softmax_cross_entropy(classes, logits.data() + classes * n, samples.classes[static_cast<size_t>(n)],
                                         expected.data() + classes * n) /
        kBatch;
  }
  for (double& gradient : expected) gradient /= kBatch;
  std::vector<float> first_gradient;
  double first_loss = 0;
  for (const int threads : {1, 3}) {
    BatchObjective batch(shared, kBatch);
    batch.load_targets(samples.view(), nullptr, 0);
    std::vector<float> gradient(outputs.size());
    double value = 0;
    Team::run(threads, [&](Team& team) { value = batch.compute(team, outputs.data(), gradient.data()); });
    if (threads == 1) {
      first_gradient = gradient;
      first_loss = value;
    }
    CHECK(value == first_loss);
    CHECK(value == doctest::Approx(expected_value).epsilon(1e-6));
    CHECK(difference(gradient, expected, Tolerance{0, 16 * kRoundoff / kBatch}) == "");
    CHECK(difference_in_bits(gradient, first_gradient) == "");
    ObjectiveTotals totals = shared->empty_totals();
    batch.add_to(totals);
    batch.add_to(totals);
    CHECK(totals.samples == 2 * kBatch);
    const ObjectiveResult result = shared->result(totals);
    CHECK(result.loss == doctest::Approx(value).epsilon(1e-12));
    REQUIRE(result.metrics.size() == 2);
    CHECK(result.metrics[0].number() == result.metrics[1].number());
    shared->reset(totals);
    CHECK(totals.samples == 0);
    CHECK(totals.metrics == shared->empty_totals().metrics);
  }
  BatchObjective batch(shared, kBatch);
  batch.set_targets({samples.classes.data(), nullptr});
  Team::run(1, [&](Team& team) { CHECK(batch.compute(team, outputs.data(), nullptr) == doctest::Approx(first_loss)); });
}

}  // namespace

TEST_CASE("BatchObjective: means over the batch, the same bits on any number of threads; totals add up over batches") {
  check_batches(10);
  check_batches(700);
}

TEST_CASE("BatchObjective: weights of samples multiply losses and leave metrics alone") {
  const auto shared = std::make_shared<const Objective>(loss("softmaxCrossEntropy"),
                                                        Spec::List{Spec::Object{{"kind", "accuracy"}}}, Shape{2});
  Samples samples{.inputs = {0, 0, 0}, .classes = {0, 1, 1}, .values = {}, .shape = {1}};
  samples.weights = {2, 0, 0.5F};
  const std::vector<float> outputs = {0, 0, 3, -3, 0, 0};
  const std::vector<uint32_t> order = {2, 1, 0};
  for (const uint32_t* by : {static_cast<const uint32_t*>(nullptr), order.data()}) {
    BatchObjective batch(shared, 3);
    batch.load_targets(samples.view(), by, 0);
    std::vector<float> gradient(6);
    ObjectiveTotals totals = shared->empty_totals();
    Team::run(1, [&](Team& team) {
      CHECK(batch.compute(team, outputs.data(), gradient.data()) == doctest::Approx(2.5 * std::log(2.0) / 3));
    });
    batch.add_to(totals);
    const ObjectiveResult result = shared->result(totals);
    CHECK(result.loss == doctest::Approx(2.5 * std::log(2.0) / 3));
    CHECK(result.metrics[0].number() == doctest::Approx(1.0 / 3));
    CHECK(gradient[2] == 0);
    CHECK(gradient[3] == 0);
    CHECK(std::abs(gradient[0]) == doctest::Approx((by == nullptr ? 1 : 0.25) / 3));
  }
}

TEST_CASE("BatchObjective: a weighted mean is divided by the weights of all batches, and is 0 where none is left") {
  Spec::Object spec = loss("softmaxCrossEntropy");
  spec["ignoreIndex"] = 7;
  spec["classWeights"] = Spec::List{3, 1};
  const auto shared = std::make_shared<const Objective>(spec, Spec::List{Spec::Object{{"kind", "accuracy"}}}, Shape{2});
  const Samples samples{.inputs = {0, 0, 0, 0}, .classes = {0, 7, 7, 1}, .values = {}, .shape = {1}};
  CHECK(error_of([&] { shared->check_labels(samples.view()); }).empty());
  const std::vector<float> outputs = {0, 1};
  const double zero = std::log(1 + std::exp(1.0));  // the loss of class 0
  ObjectiveTotals totals = shared->empty_totals();
  BatchObjective batch(shared, 1);
  std::vector<float> gradient(2);
  for (int64_t i = 0; i < 4; ++i) {
    batch.load_targets(samples.view(), nullptr, i);
    Team::run(1, [&](Team& team) {
      const double value = batch.compute(team, outputs.data(), gradient.data());
      CHECK(value == doctest::Approx(i == 0 ? zero : i == 3 ? zero - 1 : 0));
    });
    if (i == 1) {
      CHECK(gradient == std::vector<float>{0, 0});
      ObjectiveTotals nothing = shared->empty_totals();
      batch.add_to(nothing);
      CHECK(shared->result(nothing).loss == 0);
    }
    batch.add_to(totals);
  }
  CHECK(shared->result(totals).loss == doctest::Approx((3 * zero + zero - 1) / 4));
  CHECK(shared->result(totals).metrics[0].number() == 0.5);
}
