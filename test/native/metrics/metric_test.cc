#include "metrics/metric.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Example {
  Spec::Object spec;
  bool classes;  // its targets
};

const std::map<std::string, Example>& examples() {
  static const std::map<std::string, Example> table = {
      {"accuracy", {{{"kind", "accuracy"}}, true}},
      {"binaryAccuracy", {{{"kind", "binaryAccuracy"}, {"threshold", 0.5}}, false}},
      {"meanAbsoluteError", {{{"kind", "meanAbsoluteError"}}, false}},
      {"rootMeanSquaredError", {{{"kind", "rootMeanSquaredError"}}, false}},
      {"topKAccuracy", {{{"kind", "topKAccuracy"}, {"k", 3}}, true}},
  };
  return table;
}

double result(const Metric& metric, const MetricArguments& args) {
  std::vector<double> totals(static_cast<size_t>(metric.total_count()));
  metric.add(args, totals);
  return metric.result(totals);
}

}  // namespace

TEST_CASE("metrics: every kind in the registry has an example, and the other way round") {
  std::vector<std::string> kinds;
  for (const auto& [kind, example] : examples()) kinds.push_back(kind);
  CHECK(kinds == metric_kinds());
  CHECK(error_of([] {
          make_metric(Spec::Object{{"kind", "f1"}});
        }) == "UNKNOWN_KIND: there is no metric of kind \"f1\"");
}

TEST_CASE("metrics: totals add up over any grouping of the rows") {
  RandomData random(211);
  for (const auto& [kind, example] : examples()) {
    CAPTURE(kind);
    const auto metric = make_metric(example.spec);
    constexpr int64_t kRows = 33;
    constexpr int64_t kColumns = 7;
    const std::vector<float> outputs = random.integers(kRows * kColumns);  // so that sums are exact
    const std::vector<float> values = random.integers(kRows * kColumns);
    std::vector<int32_t> classes;
    for (int64_t i = 0; i < kRows; ++i) classes.push_back(static_cast<int32_t>(random.integer(0, kColumns - 1)));
    const auto rows = [&, classes_wanted = example.classes](int64_t first, int64_t count) {
      return MetricArguments{count, kColumns, outputs.data() + first * kColumns,
                             classes_wanted ? classes.data() + first : nullptr,
                             classes_wanted ? nullptr : values.data() + first * kColumns};
    };
    const double whole = result(*metric, rows(0, kRows));
    std::vector<double> totals(static_cast<size_t>(metric->total_count()));
    for (int64_t first = 0; first < kRows; first += 5)
      metric->add(rows(first, std::min<int64_t>(5, kRows - first)), totals);
    CHECK(metric->result(totals) == whole);
    CHECK(error_of([&, &example = example] { metric->check({kColumns}, example.classes); }).empty());
    CHECK(contains(error_of([&, &example = example] { metric->check({kColumns}, !example.classes); }),
                   "SHAPE_MISMATCH: " + kind));
  }
}

TEST_CASE("accuracy: the first of equal outputs counts") {
  const auto accuracy = make_metric(examples().at("accuracy").spec);
  const std::vector<float> outputs = {1, 3, 2, 5, 5, 0, -2, -1, -3, 0, 0, 0};
  const std::vector<int32_t> classes = {1, 1, 1, 0};
  CHECK(result(*accuracy, {4, 3, outputs.data(), classes.data(), nullptr}) == 0.75);
  CHECK(contains(error_of([&] { accuracy->check({1}, true); }), "for yes-or-no outputs use binaryAccuracy"));
}

TEST_CASE("binaryAccuracy: output above the threshold exactly where the target is above one half") {
  const std::vector<float> outputs = {0.5F, 0.6F, 0.4F, 0.9F, -1, 2};
  const std::vector<float> targets = {0, 1, 1, 0, 0, 1};
  const auto half = make_metric(examples().at("binaryAccuracy").spec);
  CHECK(result(*half, {3, 2, outputs.data(), nullptr, targets.data()}) == doctest::Approx(4.0 / 6));
  const auto zero = make_metric(Spec::Object{{"kind", "binaryAccuracy"}, {"threshold", 0}});
  CHECK(result(*zero, {3, 2, outputs.data(), nullptr, targets.data()}) == doctest::Approx(4.0 / 6));
  CHECK(result(*zero, {1, 2, outputs.data(), nullptr, targets.data()}) == 0.5);
}

TEST_CASE("meanAbsoluteError: over samples and outputs") {
  const std::vector<float> outputs = {1, 2, 3, 4};
  const std::vector<float> targets = {0, 4, 3, -3};
  const auto metric = make_metric(examples().at("meanAbsoluteError").spec);
  CHECK(result(*metric, {2, 2, outputs.data(), nullptr, targets.data()}) == 2.5);
}

TEST_CASE("rootMeanSquaredError: over samples and outputs") {
  const std::vector<float> outputs = {1, 2, 3, 4};
  const std::vector<float> targets = {0, 4, 3, 0.5F};
  const auto metric = make_metric(examples().at("rootMeanSquaredError").spec);
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
