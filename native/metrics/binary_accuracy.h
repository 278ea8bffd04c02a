// Fraction of outputs on the right side: output > threshold exactly where target > 0.5. The threshold is 0.5 for
// probabilities and 0 for logits.
#pragma once

#include "metrics/metric.h"

namespace gradloom {

class BinaryAccuracy final : public Metric {
 public:
  explicit BinaryAccuracy(const Spec& spec) : Metric(spec), threshold_(static_cast<float>(spec.number("threshold"))) {}

  int64_t total_count(int64_t /*columns*/) const override { return 2; }  // hits, outputs
  void add(const MetricArguments& args, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t /*columns*/) const override {
    return totals[0] / totals[1];
  }
  void check(const Shape& output_shape, bool targets_are_classes) const override;

 private:
  float threshold_;
};

}  // namespace gradloom
