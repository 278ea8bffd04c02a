#include "metrics/confusion_matrix.h"

#include <algorithm>
#include <limits>

#include "common/error.h"

namespace gradloom {

ConfusionMatrix::ConfusionMatrix(const Spec& spec) : Metric(spec) {
  if (spec.has("threshold")) threshold_ = static_cast<float>(spec.number("threshold"));
  const std::string& normalize = spec.string("normalize");
  if (normalize == "labels")
    normalize_ = Normalize::kLabels;
  else if (normalize == "predictions")
    normalize_ = Normalize::kPredictions;
  else if (normalize == "all")
    normalize_ = Normalize::kAll;
  else if (normalize != "none")
    throw Error("INVALID_SPEC", kind() + ": normalize cannot be \"" + normalize + "\"");
}

void ConfusionMatrix::check(const Shape& output_shape, bool targets_are_classes) const {
  const bool fits = threshold_ ? !targets_are_classes && output_shape.size() == 1
                               : targets_are_classes && output_shape.rank() == 1 && output_shape.size() > 1;
  if (!fits) {
    throw Error("SHAPE_MISMATCH", kind() +
                                      ": needs class labels and one output a class, or one output that is yes or "
                                      "no; got outputs of shape " +
                                      output_shape.to_string());
  }
}

void ConfusionMatrix::add(const MetricArguments& args, std::span<double> totals) const {
  const int64_t classes = class_count(args.columns);
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* outputs = args.outputs + row * args.columns;
    int64_t labelled = 0;
    int64_t predicted = 0;
    if (threshold_) {
      labelled = args.values[row] > 0.5F ? 1 : 0;
      predicted = outputs[0] > *threshold_ ? 1 : 0;
    } else {
      if (args.ignores(row)) continue;
      labelled = args.classes[row];
      predicted = std::max_element(outputs, outputs + args.columns) - outputs;
    }
    totals[static_cast<size_t>(labelled * classes + predicted)] += 1;
  }
}

MetricResult ConfusionMatrix::result(std::span<const double> totals, int64_t columns) const {
  const int64_t classes = class_count(columns);
  const auto size = static_cast<size_t>(classes);
  std::vector<double> of_labels(size);
  std::vector<double> of_predictions(size);
  double all = 0;
  for (size_t i = 0; i < totals.size(); ++i) {
    of_labels[i / size] += totals[i];
    of_predictions[i % size] += totals[i];
    all += totals[i];
  }
  std::vector<double> values(totals.begin(), totals.end());
  for (size_t i = 0; normalize_ != Normalize::kNone && i < values.size(); ++i) {
    const double divisor = normalize_ == Normalize::kAll      ? all
                           : normalize_ == Normalize::kLabels ? of_labels[i / size]
                                                              : of_predictions[i % size];
    if (all == 0)
      values[i] = std::numeric_limits<double>::quiet_NaN();
    else if (divisor != 0)
      values[i] /= divisor;
  }
  return {std::move(values), {classes, classes}};
}

}  // namespace gradloom
