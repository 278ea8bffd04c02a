#include "metrics/class_figure.h"

#include <algorithm>
#include <limits>

#include "common/error.h"

namespace gradloom {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void count(std::span<double> totals, int64_t index, bool predicted, bool labelled) {
  double* counts = totals.data() + 1 + 3 * index;
  counts[0] += predicted && labelled;
  counts[1] += predicted;
  counts[2] += labelled;
}

}  // namespace

ClassFigure::ClassFigure(const Spec& spec) : Metric(spec), zero_division_(spec.number("zeroDivision")) {
  if (spec.has("threshold")) threshold_ = static_cast<float>(spec.number("threshold"));
  if (spec.has("positiveClass")) {
    positive_class_ = spec.integer("positiveClass", 0);
    return;
  }
  const std::string& average = spec.string("average");
  if (average == "micro")
    average_ = Average::kMicro;
  else if (average == "weighted")
    average_ = Average::kWeighted;
  else if (average == "none")
    average_ = Average::kNone;
  else if (average != "macro")
    throw Error("INVALID_SPEC", kind() + ": there is no average \"" + average + "\"");
}

void ClassFigure::check(const Shape& output_shape, bool targets_are_classes) const {
  const bool classes = !threshold_.has_value();
  if (classes != targets_are_classes || (classes && (output_shape.rank() != 1 || output_shape.size() < 2))) {
    throw Error("SHAPE_MISMATCH", kind() +
                                      ": needs class labels and one output a class, or values and a threshold; "
                                      "got outputs of shape " +
                                      output_shape.to_string() +
                                      (targets_are_classes ? " and classes" : " and targets that are values"));
  }
  if (positive_class_ && *positive_class_ >= class_count(output_shape.size())) {
    throw Error("SHAPE_MISMATCH", kind() + ": there is no class " + std::to_string(*positive_class_) +
                                      " in outputs of shape " + output_shape.to_string());
  }
}

void ClassFigure::add(const MetricArguments& args, std::span<double> totals) const {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* outputs = args.outputs + row * args.columns;
    if (!threshold_) {
      if (args.ignores(row)) continue;
      const int64_t predicted = std::max_element(outputs, outputs + args.columns) - outputs;
      const int64_t labelled = args.classes[row];
      count(totals, predicted, true, predicted == labelled);
      if (predicted != labelled) count(totals, labelled, false, true);
    } else {
      const float* targets = args.values + row * args.columns;
      for (int64_t i = 0; i < args.columns; ++i) {
        const bool predicted = outputs[i] > *threshold_;
        const bool labelled = targets[i] > 0.5F;
        if (single(args.columns)) count(totals, 0, !predicted, !labelled);
        count(totals, single(args.columns) ? 1 : i, predicted, labelled);
      }
    }
    totals[0] += 1;
  }
}

double ClassFigure::figure(const ClassCounts& counts) const {
  const auto [numerator, denominator] = quotient(counts);
  return denominator == 0 ? zero_division_ : numerator / denominator;
}

double ClassFigure::average(std::span<const ClassCounts> classes, int64_t columns) const {
  const bool several = threshold_ && !single(columns);
  ClassCounts all;
  double sum = 0;
  double weight = 0;
  for (const ClassCounts& counts : classes) {
    all.hits += counts.hits;
    all.predicted += counts.predicted;
    all.labelled += counts.labelled;
    const bool occurs = several || counts.predicted + counts.labelled > 0;
    const double share = average_ == Average::kWeighted ? counts.labelled : occurs ? 1 : 0;
    sum += share * figure(counts);
    weight += share;
  }
  if (average_ == Average::kMicro) return figure(all);
  return weight == 0 ? zero_division_ : sum / weight;
}

MetricResult ClassFigure::result(std::span<const double> totals, int64_t columns) const {
  const bool list = !positive_class_ && average_ == Average::kNone;
  const int64_t size = class_count(columns);
  if (totals[0] == 0) {
    return list ? MetricResult(std::vector<double>(static_cast<size_t>(size), kNaN), {size}) : MetricResult(kNaN);
  }
  std::vector<ClassCounts> classes;
  for (size_t i = 1; i < totals.size(); i += 3) classes.push_back({totals[i], totals[i + 1], totals[i + 2]});
  if (positive_class_) return figure(classes[static_cast<size_t>(*positive_class_)]);
  if (!list) return average(classes, columns);
  std::vector<double> figures;
  for (const ClassCounts& counts : classes) figures.push_back(figure(counts));
  return {std::move(figures), {size}};
}

}  // namespace gradloom
