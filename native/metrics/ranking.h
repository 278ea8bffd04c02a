// What the areas under curves share: samples ranked by a score, and which of them are positive. Where targets are
// values, each output is a question of its own, its score, and a target above 0.5 is positive. Where they are classes,
// each class is a question, one against the rest, its score the logarithm of its softmax; of two classes only class 1.
// The figure is the mean over questions, or a list of them, and NaN where it is not defined or a score is not a number.
#pragma once

#include <span>
#include <vector>

#include "metrics/metric.h"

namespace gradloom {

// Samples of equal score, ranks falling: how many are positive and how many are not.
struct Tie {
  double positives;
  double negatives;
};

class Ranking : public Metric {
 public:
  explicit Ranking(const Spec& spec);

  MetricBasis basis() const final { return MetricBasis::kSamples; }
  MetricResult result_of(const MetricArguments& samples) const final;
  void check(const Shape& output_shape, bool targets_are_classes) const final;

 protected:
  // `all`: the sums over the ties. NaN where there is no area.
  virtual double area(std::span<const Tie> ties, const Tie& all) const = 0;

 private:
  bool list_;
};

}  // namespace gradloom
