// Counts of samples by what they are (rows) and what they are taken for (columns), as scikit-learn's confusion_matrix
// over all classes; a sample is taken for a class as in class_figure.h. Normalised, each count is divided by the sum of
// its row ("labels"), of its column ("predictions") or of all ("all"); 0 by 0 is 0, and NaN where no sample counts.
#pragma once

#include <optional>

#include "metrics/metric.h"

namespace gradloom {

class ConfusionMatrix final : public Metric {
 public:
  explicit ConfusionMatrix(const Spec& spec);

  MetricBasis basis() const override { return MetricBasis::kLargeTotals; }
  int64_t total_count(int64_t columns) const override { return class_count(columns) * class_count(columns); }
  void add(const MetricArguments& args, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t columns) const override;
  void check(const Shape& output_shape, bool targets_are_classes) const override;

 private:
  enum class Normalize { kNone, kLabels, kPredictions, kAll };

  int64_t class_count(int64_t columns) const { return threshold_ ? 2 : columns; }

  Normalize normalize_ = Normalize::kNone;
  std::optional<float> threshold_;  // where targets are values
};

}  // namespace gradloom
