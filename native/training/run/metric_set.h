// The metrics that a run or an evaluation watches, with their totals one after another, and the samples that are kept
// for those which no totals give.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "losses/loss.h"
#include "metrics/metric.h"

namespace gradloom {

// Outputs and targets of samples, in the order in which they were computed.
struct KeptSamples {
  int64_t count = 0;
  std::vector<float> outputs;    // [count, C]
  std::vector<int32_t> classes;  // [count], or empty
  std::vector<float> values;     // [count, C], or empty
};

class MetricSet {
 public:
  // Throws when a metric does not fit outputs of this shape or the targets.
  MetricSet(const Spec::List& metrics, const Shape& output_shape, bool targets_are_classes);

  int64_t total_count() const { return total_count_; }
  // Of the totals that are taken a block of rows.
  int64_t block_total_count() const { return block_total_count_; }
  // Whether a batch's outputs are needed beside its blocks' totals.
  bool needs_batches() const { return needs_batches_; }
  bool keeps_samples() const { return keeps_samples_; }

  // Adds rows to the totals of a block.
  void add_block(const MetricArguments& args, std::span<double> block) const;
  // Adds a block's totals to those of all.
  void merge_block(std::span<const double> block, std::span<double> totals) const;
  // Adds a batch to the totals that are not taken a block.
  void add_batch(const MetricArguments& args, std::span<double> totals) const;

  std::vector<MetricResult> results(std::span<const double> totals, const MetricArguments& samples) const;
  // Without those that take long: of all samples, and of large totals.
  std::vector<MetricResult> quick_results(std::span<const double> totals) const;
  bool hands_samples_over() const;

 private:
  struct Entry {
    std::unique_ptr<Metric> metric;
    size_t first;  // of its totals
    size_t count;
    size_t block_first;  // within a block's totals
  };

  int64_t columns_;
  std::vector<Entry> entries_;
  int64_t total_count_ = 0;
  int64_t block_total_count_ = 0;
  bool needs_batches_ = false;
  bool keeps_samples_ = false;
};

}  // namespace gradloom
