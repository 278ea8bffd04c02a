// What a model is judged by: a loss and metrics over batches of outputs and targets.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "kernels/tiling.h"
#include "losses/loss.h"
#include "training/run/metric_set.h"

namespace gradloom {

// Sums over samples; what a user sees is derived from them.
struct ObjectiveTotals {
  double loss = 0;
  double divisor = 0;  // of the loss
  int64_t samples = 0;
  std::vector<double> metrics;  // all metrics' totals, one after another, and behind them those of the loss's parts
  KeptSamples kept;             // if a metric needs them
};

struct ObjectiveResult {
  double loss = 0;                             // mean over samples, weighted as the loss says
  std::vector<MetricResult> metrics;           // and behind them the means of the loss's parts
  std::shared_ptr<const KeptSamples> samples;  // if a metric hands them over
};

class Objective {
 public:
  // Throws when the loss or a metric does not fit outputs of this shape.
  Objective(const Spec& loss, const Spec::List& metrics, const Shape& output_shape);
  Objective(std::unique_ptr<Loss> loss, const Spec::List& metrics, const Shape& output_shape);

  const Loss& loss() const { return *loss_; }
  const MetricSet& metrics() const { return metrics_; }
  int64_t outputs() const { return outputs_; }
  // Values of a sample's target, unless it is a class.
  int64_t target_size() const { return target_size_; }

  // Throws LABELS_MISSING, SHAPE_MISMATCH or LABEL_OUT_OF_RANGE unless the labels are targets of this loss.
  void check_labels(const ArraySamples& samples) const;

  // With room for so many samples, if a metric keeps them.
  ObjectiveTotals empty_totals(int64_t samples = 0) const;
  void reset(ObjectiveTotals& totals) const;
  // Whether totals are of this objective, with samples kept for each that counted.
  bool fits(const ObjectiveTotals& totals) const;
  // Totals of before into those with room for all samples.
  void restore(const ObjectiveTotals& saved, ObjectiveTotals& totals) const;
  ObjectiveResult result(const ObjectiveTotals& totals) const;
  // In the midst of an epoch: metrics that take long are left out.
  ObjectiveResult running_result(const ObjectiveTotals& totals) const;

 private:
  void add_parts(const ObjectiveTotals& totals, std::vector<MetricResult>& results) const;

  std::unique_ptr<Loss> loss_;
  MetricSet metrics_;
  int64_t outputs_;
  int64_t target_size_;
};

// The objective of one batch, with its targets and partial sums: rows are cut into fixed blocks whose sums are combined
// in order. Allocates only when constructed.
class BatchObjective {
 public:
  BatchObjective(std::shared_ptr<const Objective> objective, int64_t batch);

  void load_targets(const ArraySamples& samples, const uint32_t* order, int64_t first);
  // For targets that are at hand; arrays that the loss does not take, and weights of samples, may be null.
  void set_targets(const Targets& targets);

  // The mean loss over the batch; `gradient` (may be null) receives its gradient by the outputs.
  double compute(Team& team, const float* outputs, float* gradient);
  // Adds the last computed batch.
  void add_to(ObjectiveTotals& totals) const;

 private:
  Targets rows_of_targets(int64_t first) const;
  void keep(KeptSamples& kept) const;

  std::shared_ptr<const Objective> objective_;
  int64_t batch_;
  Tiling blocks_;  // of rows
  std::vector<int32_t> classes_;
  AlignedBuffer values_;
  std::vector<float> weights_;  // of samples
  bool weighted_ = false;       // whether they count
  AlignedBuffer outputs_;       // a copy, for metrics that need whole batches
  double divisor_ = 0;
  std::vector<double> losses_;   // one a block of rows
  std::vector<double> metrics_;  // totals, one set a block of rows
  std::vector<double> parts_;    // of the loss, one set a block of rows
};

}  // namespace gradloom
