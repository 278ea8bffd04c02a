// Square root of the mean over samples and outputs of (output - target)^2.
#pragma once

#include <cmath>

#include "metrics/metric.h"

namespace gradloom {

class RootMeanSquaredError final : public Metric {
 public:
  using Metric::Metric;

  int64_t total_count(int64_t /*columns*/) const override { return 2; }  // sum of squared errors, outputs
  void add(const MetricArguments& args, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t /*columns*/) const override {
    return std::sqrt(totals[0] / totals[1]);
  }
  void check(const Shape& output_shape, bool targets_are_classes) const override;
};

}  // namespace gradloom
