// What precision, recall and F1 share: they are quotients of three counts a class. Of samples,
//   hits: taken for the class, and rightly;  predicted: taken for the class;  labelled: of the class
// A sample is taken for the class of its largest output (the first of equals) where targets are classes. Where they are
// values, it is taken for 1 where output > threshold, and is of class 1 where target > 0.5: classes 0 and 1 for a
// single output; with more outputs each is a class of its own, of which a sample may have any number. A quotient of 0
// by 0 is `zeroDivision`. Averages as in scikit-learn 1.4, where classes that no sample is of and none is taken for do
// not count in the macro average (they do where a sample may have several).
#pragma once

#include <optional>

#include "metrics/metric.h"

namespace gradloom {

struct ClassCounts {
  double hits = 0;
  double predicted = 0;
  double labelled = 0;
};

struct Quotient {
  double numerator;
  double denominator;
};

class ClassFigure : public Metric {
 public:
  explicit ClassFigure(const Spec& spec);

  int64_t total_count(int64_t columns) const final { return 1 + 3 * class_count(columns); }  // samples, then the counts
  void add(const MetricArguments& args, std::span<double> totals) const final;
  MetricResult result(std::span<const double> totals, int64_t columns) const final;
  void check(const Shape& output_shape, bool targets_are_classes) const final;

 protected:
  virtual Quotient quotient(const ClassCounts& counts) const = 0;

 private:
  enum class Average { kMacro, kMicro, kWeighted, kNone };

  bool single(int64_t columns) const { return threshold_.has_value() && columns == 1; }
  int64_t class_count(int64_t columns) const { return single(columns) ? 2 : columns; }
  double figure(const ClassCounts& counts) const;
  double average(std::span<const ClassCounts> classes, int64_t columns) const;

  Average average_ = Average::kMacro;
  std::optional<int64_t> positive_class_;  // counts alone
  std::optional<float> threshold_;         // where targets are values
  double zero_division_;
};

}  // namespace gradloom
