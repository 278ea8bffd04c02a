// Fraction of samples whose target class is among the k largest outputs; of equal outputs the first comes first, so
// that k = 1 is accuracy. An output that is not a number counts as one that comes before the target.
#pragma once

#include "metrics/metric.h"

namespace gradloom {

class TopKAccuracy final : public Metric {
 public:
  explicit TopKAccuracy(const Spec& spec) : Metric(spec), k_(spec.integer("k", 1)) {}

  int64_t total_count(int64_t /*columns*/) const override { return 2; }  // hits, samples
  void add(const MetricArguments& args, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t /*columns*/) const override {
    return totals[0] / totals[1];
  }
  void check(const Shape& output_shape, bool targets_are_classes) const override;

 private:
  int64_t k_;
};

}  // namespace gradloom
