#include "metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "common/error.h"

namespace gradloom {
namespace {

struct Ranked {
  double score;
  bool positive;
};

// ln(sum over i of e^z[i]), summed in falling order: the same logits in another order are the same to the last bit, so
// that equal probabilities tie.
double log_sum_exp(std::vector<double>& z) {
  std::sort(z.begin(), z.end(), std::greater<>());
  double sum = 0;
  for (const double logit : z) sum += std::exp(logit - z.front());
  return z.front() + std::log(sum);
}

std::vector<Ranked> ranked(const MetricArguments& samples, int64_t column, const std::vector<double>& shifts) {
  std::vector<Ranked> list;
  list.reserve(static_cast<size_t>(samples.rows));
  for (int64_t row = 0; row < samples.rows; ++row) {
    const int64_t i = row * samples.columns + column;
    const auto output = static_cast<double>(samples.outputs[i]);
    if (samples.classes == nullptr) {
      list.push_back({output, samples.values[i] > 0.5F});
    } else if (!samples.ignores(row)) {
      list.push_back({output - shifts[static_cast<size_t>(row)], samples.classes[row] == column});
    }
  }
  return list;
}

// Empty when a score is not a number.
std::vector<Tie> ties_of(std::vector<Ranked> list) {
  if (std::any_of(list.begin(), list.end(), [](const Ranked& one) { return std::isnan(one.score); })) return {};
  std::sort(list.begin(), list.end(), [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  std::vector<Tie> ties;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i == 0 || list[i].score != list[i - 1].score) ties.push_back({0, 0});
    (list[i].positive ? ties.back().positives : ties.back().negatives) += 1;
  }
  return ties;
}

}  // namespace

Ranking::Ranking(const Spec& spec) : Metric(spec), list_(spec.string("average") == "none") {}

void Ranking::check(const Shape& output_shape, bool targets_are_classes) const {
  if (targets_are_classes && (output_shape.rank() != 1 || output_shape.size() < 2)) {
    throw Error("SHAPE_MISMATCH", kind() +
                                      ": needs one output a class, or yes-or-no outputs with values as targets; "
                                      "got outputs of shape " +
                                      output_shape.to_string());
  }
}

MetricResult Ranking::result_of(const MetricArguments& samples) const {
  std::vector<double> shifts;
  std::vector<double> logits(static_cast<size_t>(samples.columns));
  for (int64_t row = 0; samples.classes != nullptr && row < samples.rows; ++row) {
    std::copy_n(samples.outputs + row * samples.columns, samples.columns, logits.begin());
    const bool nan = std::any_of(logits.begin(), logits.end(), [](double logit) { return std::isnan(logit); });
    shifts.push_back(nan ? NAN : log_sum_exp(logits));
  }
  std::vector<double> areas;
  const bool two = samples.classes != nullptr && samples.columns == 2;
  for (int64_t column = two ? 1 : 0; column < samples.columns; ++column) {
    const std::vector<Tie> ties = ties_of(ranked(samples, column, shifts));
    Tie all{0, 0};
    for (const Tie& tie : ties) all = {all.positives + tie.positives, all.negatives + tie.negatives};
    areas.push_back(area(ties, all));
  }
  const auto count = static_cast<int64_t>(areas.size());
  if (list_) return {std::move(areas), {count}};
  return std::accumulate(areas.begin(), areas.end(), 0.0) / static_cast<double>(count);
}

}  // namespace gradloom
