#include "metrics/metric.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

enum class Takes { kClasses, kValues, kBoth };

struct Example {
  Spec::Object spec;
  Takes takes;  // which targets
};

Spec::Object class_figure(const char* kind, const Spec::Object& options) {
  Spec::Object spec{{"kind", kind}, {"zeroDivision", 0}};
  for (const auto& [name, value] : options) spec[name] = value;
  return spec;
}

// At least one a kind.
const std::vector<Example>& examples() {
  static const std::vector<Example> list = {
      {{{"kind", "accuracy"}}, Takes::kClasses},
      {{{"kind", "binaryAccuracy"}, {"threshold", 0.5}}, Takes::kValues},
      {{{"kind", "confusionMatrix"}, {"normalize", "none"}}, Takes::kClasses},
      {{{"kind", "custom"}}, Takes::kBoth},
      {class_figure("f1", {{"average", "macro"}}), Takes::kClasses},
      {{{"kind", "logLoss"}}, Takes::kBoth},
      {{{"kind", "meanAbsoluteError"}}, Takes::kValues},
      {{{"kind", "prAuc"}, {"average", "macro"}}, Takes::kBoth},
      {class_figure("precision", {{"average", "none"}}), Takes::kClasses},
      {class_figure("precision", {{"average", "weighted"}, {"threshold", 0}}), Takes::kValues},
      {{{"kind", "r2"}}, Takes::kValues},
      {class_figure("recall", {{"positiveClass", 2}}), Takes::kClasses},
      {{{"kind", "rocAuc"}, {"average", "none"}}, Takes::kBoth},
      {{{"kind", "rootMeanSquaredError"}}, Takes::kValues},
      {{{"kind", "topKAccuracy"}, {"k", 3}}, Takes::kClasses},
  };
  return list;
}

std::unique_ptr<Metric> example_of(const std::string& kind) {
  for (const Example& example : examples()) {
    auto metric = make_metric(example.spec);
    if (metric->kind() == kind) return metric;
  }
  return nullptr;
}

MetricResult judge(const Metric& metric, const MetricArguments& args) {
  if (metric.basis() == MetricBasis::kSamples) return metric.result_of(args);
  std::vector<double> totals(static_cast<size_t>(metric.total_count(args.columns)));
  metric.add(args, totals);
  return metric.result(totals, args.columns);
}

double result(const Metric& metric, const MetricArguments& args) {
  const MetricResult result = judge(metric, args);
  CHECK(result.dims.empty());
  return result.number();
}

// [33, 7] outputs and values, integers, so that sums are exact.
class Rows {
 public:
  Rows() {
    RandomData random(211);
    outputs_ = random.integers(kRows * kColumns);
    values_ = random.integers(kRows * kColumns);
    for (int64_t i = 0; i < kRows; ++i) classes_.push_back(static_cast<int32_t>(random.integer(0, kColumns - 1)));
  }

  MetricArguments operator()(bool classes, int64_t first = 0, int64_t count = kRows) const {
    return {count, kColumns, outputs_.data() + first * kColumns, classes ? classes_.data() + first : nullptr,
            classes ? nullptr : values_.data() + first * kColumns};
  }
  void reverse() {
    std::reverse(classes_.begin(), classes_.end());
    for (std::vector<float>* rows : {&outputs_, &values_}) {
      std::vector<float> turned;
      for (int64_t row = kRows; row-- > 0;) {
        turned.insert(turned.end(), rows->begin() + row * kColumns, rows->begin() + (row + 1) * kColumns);
      }
      *rows = turned;
    }
  }

  static constexpr int64_t kRows = 33;
  static constexpr int64_t kColumns = 7;

 private:
  std::vector<float> outputs_;
  std::vector<float> values_;
  std::vector<int32_t> classes_;
};

}  // namespace

TEST_CASE("metrics: every kind in the registry has an example, and the other way round") {
  std::set<std::string> kinds;
  for (const Example& example : examples()) kinds.insert(make_metric(example.spec)->kind());
  CHECK(std::vector(kinds.begin(), kinds.end()) == metric_kinds());
  CHECK(error_of([] {
          make_metric(Spec::Object{{"kind", "f2"}});
        }) == "UNKNOWN_KIND: there is no metric of kind \"f2\"");
}

TEST_CASE("metrics: totals add up over any grouping of the rows, and samples may come in any order") {
  Rows rows;
  for (const Example& example : examples()) {
    const auto metric = make_metric(example.spec);
    CAPTURE(metric->kind());
    for (const bool classes : {false, true}) {
      const bool takes = example.takes == Takes::kBoth || classes == (example.takes == Takes::kClasses);
      const std::string problem = error_of([&] { metric->check({Rows::kColumns}, classes); });
      CHECK(takes == problem.empty());
      if (!takes) CHECK(contains(problem, "SHAPE_MISMATCH: " + metric->kind()));
      if (!takes) continue;
      const MetricResult whole = judge(*metric, rows(classes));
      if (metric->basis() == MetricBasis::kSamples) {
        CHECK(metric->total_count(Rows::kColumns) == 0);
        rows.reverse();
        CHECK(judge(*metric, rows(classes)).values == whole.values);
        continue;
      }
      std::vector<double> added(static_cast<size_t>(metric->total_count(Rows::kColumns)));
      std::vector<double> merged(added.size());
      for (int64_t first = 0; first < Rows::kRows; first += 5) {
        const MetricArguments part = rows(classes, first, std::min<int64_t>(5, Rows::kRows - first));
        std::vector<double> block(added.size());
        metric->add(part, block);
        metric->merge(block, merged);
        metric->add(part, added);
      }
      for (const auto& totals : {added, merged}) {
        const MetricResult result = metric->result(totals, Rows::kColumns);
        CHECK(result.dims == whole.dims);
        REQUIRE(result.values.size() == whole.values.size());
        for (size_t i = 0; i < whole.values.size(); ++i) {
          CHECK(result.values[i] == doctest::Approx(whole.values[i]).epsilon(1e-13));
        }
      }
    }
  }
}

TEST_CASE("metrics: without a sample that counts there is no figure") {
  const std::vector<float> outputs(3 * Rows::kColumns, 1.0F);
  const std::vector<int32_t> classes = {255, 255, 255};
  for (const Example& example : examples()) {
    const auto metric = make_metric(example.spec);
    CAPTURE(metric->kind());
    const bool all_ignored = example.takes != Takes::kValues;
    const MetricArguments args{all_ignored ? 3 : 0,
                               Rows::kColumns,
                               outputs.data(),
                               all_ignored ? classes.data() : nullptr,
                               all_ignored ? nullptr : outputs.data(),
                               255};
    const MetricResult result = judge(*metric, args);
    if (metric->hands_samples_over()) continue;
    REQUIRE(!result.values.empty());
    // Counts of no samples are 0; all that is divided by their number is not a number.
    const bool counts = metric->kind() == "confusionMatrix";
    for (const double value : result.values) CHECK((counts ? value == 0 : std::isnan(value)));
  }
}

TEST_CASE("accuracy: the first of equal outputs counts") {
  const auto accuracy = example_of("accuracy");
  const std::vector<float> outputs = {1, 3, 2, 5, 5, 0, -2, -1, -3, 0, 0, 0};
  const std::vector<int32_t> classes = {1, 1, 1, 0};
  CHECK(result(*accuracy, {4, 3, outputs.data(), classes.data(), nullptr}) == 0.75);
  CHECK(contains(error_of([&] { accuracy->check({1}, true); }), "for yes-or-no outputs use binaryAccuracy"));
}

TEST_CASE("binaryAccuracy: output above the threshold exactly where the target is above one half") {
  const std::vector<float> outputs = {0.5F, 0.6F, 0.4F, 0.9F, -1, 2};
  const std::vector<float> targets = {0, 1, 1, 0, 0, 1};
  const auto half = example_of("binaryAccuracy");
  CHECK(result(*half, {3, 2, outputs.data(), nullptr, targets.data()}) == doctest::Approx(4.0 / 6));
  const auto zero = make_metric(Spec::Object{{"kind", "binaryAccuracy"}, {"threshold", 0}});
  CHECK(result(*zero, {3, 2, outputs.data(), nullptr, targets.data()}) == doctest::Approx(4.0 / 6));
  CHECK(result(*zero, {1, 2, outputs.data(), nullptr, targets.data()}) == 0.5);
}

TEST_CASE("meanAbsoluteError: over samples and outputs") {
  const std::vector<float> outputs = {1, 2, 3, 4};
  const std::vector<float> targets = {0, 4, 3, -3};
  const auto metric = example_of("meanAbsoluteError");
  CHECK(result(*metric, {2, 2, outputs.data(), nullptr, targets.data()}) == 2.5);
}

TEST_CASE("rootMeanSquaredError: over samples and outputs") {
  const std::vector<float> outputs = {1, 2, 3, 4};
  const std::vector<float> targets = {0, 4, 3, 0.5F};
  const auto metric = example_of("rootMeanSquaredError");
  CHECK(result(*metric, {2, 2, outputs.data(), nullptr, targets.data()}) == doctest::Approx(std::sqrt(17.25 / 4)));
}

TEST_CASE("topKAccuracy: the first of equals comes first, and ignored rows do not count") {
  const auto two = make_metric(Spec::Object{{"kind", "topKAccuracy"}, {"k", 2}});
  const std::vector<float> outputs = {1, 3, 2, 5, 5, 5, 5, 5, 5, 0, NAN, -1, 9, 0, 1};
  const std::vector<int32_t> classes = {2, 1, 2, 0, 255};
  // A hit, a hit among equals, the third of equals, a hit behind NaN, a row that is left out.
  CHECK(result(*two, {5, 3, outputs.data(), classes.data(), nullptr, 255}) == 0.75);
  const auto one = make_metric(Spec::Object{{"kind", "topKAccuracy"}, {"k", 1}});
  CHECK(result(*one, {4, 3, outputs.data(), classes.data(), nullptr}) == 0);
  CHECK(contains(error_of([&] { two->check({1}, true); }), "at least k = 2 outputs"));
}

namespace {

// One output, nine samples: two ties across classes.
const std::vector<float> kScores = {0.9F, 0.8F, 0.8F, 0.7F, 0.5F, 0.5F, 0.5F, 0.2F, 0.1F};
const std::vector<float> kAnswers = {1, 1, 0, 1, 0, 1, 0, 0, 1};

double of_answers(const Spec::Object& spec) {
  return result(*make_metric(spec), {9, 1, kScores.data(), nullptr, kAnswers.data()});
}

}  // namespace

TEST_CASE("rocAuc and prAuc: ties count one half, and stand at one threshold") {
  // Positives above, beside and below each negative: 0.8 has 1 + 1/2, 0.5 twice 3 + 1/2, 0.2 has 4.
  CHECK(of_answers({{"kind", "rocAuc"}, {"average", "macro"}}) == doctest::Approx((1.5 + 3.5 + 3.5 + 4) / 20));
  const double expected = (1.0 / 1 + 2.0 / 3 + 3.0 / 4 + 4.0 / 7 + 5.0 / 9) / 5;
  CHECK(of_answers({{"kind", "prAuc"}, {"average", "macro"}}) == doctest::Approx(expected));
}

TEST_CASE("precision, recall and f1: one output has the classes 0 and 1") {
  // Above 0.5: 3 of 4 right, of 5.
  CHECK(of_answers(class_figure("precision", {{"positiveClass", 1}, {"threshold", 0.5}})) == 0.75);
  CHECK(of_answers(class_figure("recall", {{"positiveClass", 1}, {"threshold", 0.5}})) == 0.6);
  CHECK(of_answers(class_figure("f1", {{"positiveClass", 1}, {"threshold", 0.5}})) == doctest::Approx(6.0 / 9));
  // Of class 0: 3 of 5 right, of 4.
  CHECK(of_answers(class_figure("precision", {{"average", "macro"}, {"threshold", 0.5}})) ==
        doctest::Approx((0.75 + 0.6) / 2));
  CHECK(contains(error_of([] {
                   make_metric(class_figure("f1", {{"positiveClass", 2}, {"threshold", 0}}))->check({1}, false);
                 }),
                 "f1: there is no class 2"));
}

TEST_CASE("r2: targets far from 0 lose nothing, equal ones are right or wrong") {
  const auto r2 = example_of("r2");
  std::vector<float> outputs;
  std::vector<float> targets;
  for (int i = 0; i < 1000; ++i) {
    targets.push_back(1e6F + static_cast<float>(i % 2));  // variance 1/4
    outputs.push_back(1e6F + 0.5F);
  }
  CHECK(std::abs(result(*r2, {1000, 1, outputs.data(), nullptr, targets.data()})) < 1e-9);
  const std::vector<float> equal = {3, 3, 3, 3};
  CHECK(result(*r2, {4, 1, equal.data(), nullptr, equal.data()}) == 1);
  const std::vector<float> other = {3, 3, 3, 4};
  CHECK(result(*r2, {4, 1, other.data(), nullptr, equal.data()}) == 0);
  CHECK(std::isnan(result(*r2, {1, 1, equal.data(), nullptr, equal.data()})));
}
