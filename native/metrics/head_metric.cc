#include "metrics/head_metric.h"

#include <algorithm>

#include "common/error.h"

namespace gradloom {

HeadMetric::HeadMetric(const Spec& spec)
    : Metric(spec),
      metric_(make_metric(spec.object("metric"))),
      classes_(spec.boolean("classes")),
      outputs_(spec.integer("outputs", 1)),
      first_output_(spec.integer("firstOutput", 0)),
      first_target_(spec.integer("firstTarget", 0)),
      targets_(spec.integer("targets", 1)) {
  if (first_target_ + (classes_ ? 1 : outputs_) > targets_) {
    throw Error("INVALID_SPEC", "head: the targets of the head lie beyond those of a sample");
  }
}

void HeadMetric::check(const Shape& output_shape, bool /*targets_are_classes*/) const {
  if (first_output_ + outputs_ > output_shape.size()) {
    throw Error("SHAPE_MISMATCH", "head: the outputs of the head lie beyond those of the model");
  }
  metric_->check(Shape{outputs_}, classes_);
}

// Row by row, since a head's columns are together in a row only.
void HeadMetric::add(const MetricArguments& args, std::span<double> totals) const {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* target = args.values + row * targets_ + first_target_;
    const int32_t index = classes_ ? static_cast<int32_t>(*target) : 0;
    metric_->add({1, outputs_, args.outputs + row * args.columns + first_output_, classes_ ? &index : nullptr,
                  classes_ ? nullptr : target},
                 totals);
  }
}

MetricResult HeadMetric::result_of(const MetricArguments& samples) const {
  std::vector<float> outputs;
  std::vector<float> values;
  std::vector<int32_t> classes;
  for (int64_t row = 0; row < samples.rows; ++row) {
    const float* output = samples.outputs + row * samples.columns + first_output_;
    const float* target = samples.values + row * targets_ + first_target_;
    outputs.insert(outputs.end(), output, output + outputs_);
    if (classes_) {
      classes.push_back(static_cast<int32_t>(*target));
    } else {
      values.insert(values.end(), target, target + outputs_);
    }
  }
  return metric_->result_of({samples.rows, outputs_, outputs.data(), classes_ ? classes.data() : nullptr,
                             classes_ ? nullptr : values.data()});
}

}  // namespace gradloom
