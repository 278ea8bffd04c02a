// Mean of the negative logarithm of the probability that a model gave to what was true, from logits. Targets that are
// classes: of the class's softmax, a mean over samples. Targets that are values t in [0, 1]: a mean over samples and
// outputs of -t ln(sigmoid(z)) - (1 - t) ln(1 - sigmoid(z)). Not weighted, not smoothed, not clipped.
#pragma once

#include "metrics/metric.h"

namespace gradloom {

class LogLoss final : public Metric {
 public:
  using Metric::Metric;

  int64_t total_count(int64_t /*columns*/) const override { return 2; }  // sum, terms
  void add(const MetricArguments& args, std::span<double> totals) const override;
  MetricResult result(std::span<const double> totals, int64_t /*columns*/) const override {
    return totals[0] / totals[1];
  }
  void check(const Shape& output_shape, bool targets_are_classes) const override;
};

}  // namespace gradloom
