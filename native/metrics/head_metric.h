// A metric of one of several heads, whose outputs and targets stand side by side with those of others (HeadsLoss).
#pragma once

#include <memory>

#include "metrics/metric.h"

namespace gradloom {

class HeadMetric final : public Metric {
 public:
  static constexpr const char* kKind = "head";

  // Reads "metric", whether targets are "classes", the head's "outputs", "firstOutput", "firstTarget", and how many
  // "targets" a sample has in all heads.
  explicit HeadMetric(const Spec& spec);

  MetricBasis basis() const override { return metric_->basis(); }
  void check(const Shape& output_shape, bool targets_are_classes) const override;
  int64_t total_count(int64_t /*columns*/) const override { return metric_->total_count(outputs_); }
  void add(const MetricArguments& args, std::span<double> totals) const override;
  void merge(std::span<const double> other, std::span<double> totals) const override { metric_->merge(other, totals); }
  MetricResult result(std::span<const double> totals, int64_t /*columns*/) const override {
    return metric_->result(totals, outputs_);
  }
  MetricResult result_of(const MetricArguments& samples) const override;
  bool hands_samples_over() const override { return metric_->hands_samples_over(); }

 private:
  std::unique_ptr<Metric> metric_;
  bool classes_;
  int64_t outputs_;
  int64_t first_output_;
  int64_t first_target_;
  int64_t targets_;
};

}  // namespace gradloom
