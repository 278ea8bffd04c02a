#include "training/run/metric_set.h"

#include <algorithm>

namespace gradloom {

MetricSet::MetricSet(const Spec::List& metrics, const Shape& output_shape, bool targets_are_classes)
    : columns_(output_shape.size()) {
  for (const Spec& spec : metrics) {
    auto metric = make_metric(spec);
    metric->check(output_shape, targets_are_classes);
    const int64_t count = metric->total_count(columns_);
    const MetricBasis basis = metric->basis();
    needs_batches_ |= basis != MetricBasis::kTotals;
    keeps_samples_ |= basis == MetricBasis::kSamples;
    entries_.push_back({std::move(metric), static_cast<size_t>(total_count_), static_cast<size_t>(count),
                        static_cast<size_t>(block_total_count_)});
    total_count_ += count;
    if (basis == MetricBasis::kTotals) block_total_count_ += count;
  }
}

void MetricSet::add_block(const MetricArguments& args, std::span<double> block) const {
  for (const Entry& entry : entries_) {
    if (entry.metric->basis() != MetricBasis::kTotals) continue;
    entry.metric->add(args, block.subspan(entry.block_first, entry.count));
  }
}

void MetricSet::merge_block(std::span<const double> block, std::span<double> totals) const {
  for (const Entry& entry : entries_) {
    if (entry.metric->basis() != MetricBasis::kTotals) continue;
    entry.metric->merge(block.subspan(entry.block_first, entry.count), totals.subspan(entry.first, entry.count));
  }
}

void MetricSet::add_batch(const MetricArguments& args, std::span<double> totals) const {
  for (const Entry& entry : entries_) {
    if (entry.metric->basis() != MetricBasis::kLargeTotals) continue;
    entry.metric->add(args, totals.subspan(entry.first, entry.count));
  }
}

std::vector<MetricResult> MetricSet::results(std::span<const double> totals, const MetricArguments& samples) const {
  std::vector<MetricResult> results;
  for (const Entry& entry : entries_) {
    results.push_back(entry.metric->basis() == MetricBasis::kSamples
                          ? entry.metric->result_of(samples)
                          : entry.metric->result(totals.subspan(entry.first, entry.count), columns_));
  }
  return results;
}

std::vector<MetricResult> MetricSet::quick_results(std::span<const double> totals) const {
  std::vector<MetricResult> results;
  for (const Entry& entry : entries_) {
    results.push_back(entry.metric->basis() == MetricBasis::kTotals
                          ? entry.metric->result(totals.subspan(entry.first, entry.count), columns_)
                          : MetricResult());
  }
  return results;
}

bool MetricSet::hands_samples_over() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.metric->hands_samples_over(); });
}

}  // namespace gradloom
