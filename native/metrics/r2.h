// Coefficient of determination: 1 - sum (target - output)^2 / sum (target - mean target)^2, the mean of it over the
// outputs, as scikit-learn's r2_score. Where all targets of an output are equal: 1 if all outputs are right, else 0.
// NaN for less than two samples. The sums of squares around the mean are combined by the formula of Chan, Golub and
// LeVeque (1979), so that targets far from 0 lose nothing.
#pragma once

#include "metrics/metric.h"

namespace gradloom {

class R2 final : public Metric {
 public:
  using Metric::Metric;

  // An output: samples, mean target, squares around it, squared errors.
  int64_t total_count(int64_t columns) const override { return 4 * columns; }
  void add(const MetricArguments& args, std::span<double> totals) const override;
  void merge(std::span<const double> other, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t columns) const override;
  void check(const Shape& output_shape, bool targets_are_classes) const override;
};

}  // namespace gradloom
