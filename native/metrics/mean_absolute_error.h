// Mean over samples and outputs of |output - target|.
#pragma once

#include "metrics/metric.h"

namespace gradloom {

class MeanAbsoluteError final : public Metric {
 public:
  using Metric::Metric;

  int64_t total_count(int64_t /*columns*/) const override { return 2; }  // sum of errors, outputs
  void add(const MetricArguments& args, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t /*columns*/) const override {
    return totals[0] / totals[1];
  }
  void check(const Shape& output_shape, bool targets_are_classes) const override;
};

}  // namespace gradloom
