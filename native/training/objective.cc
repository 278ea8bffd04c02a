#include "training/objective.h"

#include <algorithm>
#include <numeric>

#include "common/error.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

constexpr int64_t kRowsPerBlock = 64;

Tiling blocks_of(int64_t batch) { return {batch, kRowsPerBlock, ceil_divide(batch, kRowsPerBlock)}; }

}  // namespace

Objective::Objective(const Spec& loss, const Spec::List& metrics, const Shape& output_shape)
    : loss_(make_loss(loss)), outputs_(output_shape.size()) {
  loss_->check_outputs(output_shape);
  for (const Spec& spec : metrics) {
    metrics_.push_back(make_metric(spec));
    metrics_.back()->check(output_shape, loss_->target_kind() == TargetKind::kClass);
    metric_totals_ += metrics_.back()->total_count();
  }
}

void Objective::check_labels(const ArraySamples& samples) const {
  const std::string& kind = loss_->kind();
  if (samples.label_size() == 0) throw Error("LABELS_MISSING", kind + ": the dataset has no labels");
  if (loss_->target_kind() == TargetKind::kClass) {
    if (!samples.labels_are_classes()) {
      throw Error("SHAPE_MISMATCH", kind + ": takes class labels (integers), the dataset's labels are values");
    }
    samples.check_classes(outputs_, loss_->ignored_class());
  } else if (samples.labels_are_classes()) {
    // A single yes-or-no output takes classes 0 and 1 as its targets.
    if (outputs_ != 1) {
      throw Error("SHAPE_MISMATCH", kind + ": takes " + std::to_string(outputs_) +
                                        " values a sample, the dataset's labels are classes; use a model with one "
                                        "output for two classes, or softmaxCrossEntropy");
    }
    samples.check_classes(2);
  } else if (samples.label_size() != outputs_) {
    throw Error("SHAPE_MISMATCH", kind + ": the model gives " + std::to_string(outputs_) +
                                      " values a sample, the dataset's labels have " +
                                      std::to_string(samples.label_size()));
  }
}

ObjectiveTotals Objective::empty_totals() const {
  ObjectiveTotals totals;
  totals.metrics.assign(static_cast<size_t>(metric_totals_), 0.0);
  return totals;
}

void Objective::reset(ObjectiveTotals& totals) const {
  totals.loss = 0;
  totals.divisor = 0;
  totals.samples = 0;
  std::fill(totals.metrics.begin(), totals.metrics.end(), 0.0);
}

ObjectiveResult Objective::result(const ObjectiveTotals& totals) const {
  ObjectiveResult result;
  // NaN where no step counted; 0 where all samples were of no account.
  result.loss = totals.samples > 0 && totals.divisor == 0 ? 0 : totals.loss / totals.divisor;
  size_t first = 0;
  for (const auto& metric : metrics_) {
    const auto count = static_cast<size_t>(metric->total_count());
    result.metrics.push_back(metric->result(std::span(totals.metrics).subspan(first, count)));
    first += count;
  }
  return result;
}

void Objective::add_metrics(const MetricArguments& args, std::span<double> totals) const {
  size_t first = 0;
  for (const auto& metric : metrics_) {
    const auto count = static_cast<size_t>(metric->total_count());
    metric->add(args, totals.subspan(first, count));
    first += count;
  }
}

BatchObjective::BatchObjective(std::shared_ptr<const Objective> objective, int64_t batch)
    : objective_(std::move(objective)), batch_(batch) {
  if (objective_->loss().target_kind() == TargetKind::kClass) {
    classes_.resize(static_cast<size_t>(batch));
  } else {
    values_ = AlignedBuffer(checked_multiply(batch, objective_->outputs()));
  }
  weights_.resize(static_cast<size_t>(batch));
  const auto blocks = static_cast<size_t>(blocks_of(batch).count);
  losses_.resize(blocks);
  metrics_.resize(blocks * static_cast<size_t>(objective_->metric_totals()));
}

void BatchObjective::load_targets(const ArraySamples& samples, const uint32_t* order, int64_t first) {
  if (classes_.empty()) {
    samples.gather_values(order, first, batch_, values_.data());
  } else {
    samples.gather_classes(order, first, batch_, classes_.data());
  }
  weighted_ = samples.weighted();
  if (weighted_) samples.gather_weights(order, first, batch_, weights_.data());
}

void BatchObjective::set_targets(const Targets& targets) {
  if (classes_.empty()) {
    std::copy_n(targets.values, values_.size(), values_.data());
  } else {
    std::copy_n(targets.classes, batch_, classes_.data());
  }
  weighted_ = targets.weights != nullptr;
  if (weighted_) std::copy_n(targets.weights, batch_, weights_.data());
}

Targets BatchObjective::rows_of_targets(int64_t first) const {
  const float* weights = weighted_ ? weights_.data() + first : nullptr;
  if (!classes_.empty()) return {classes_.data() + first, nullptr, weights};
  return {nullptr, values_.data() + first * objective_->outputs(), weights};
}

double BatchObjective::compute(Team& team, const float* outputs, float* gradient) {
  const int64_t columns = objective_->outputs();
  const Tiling blocks = blocks_of(batch_);
  const auto metric_totals = static_cast<size_t>(objective_->metric_totals());
  std::fill(metrics_.begin(), metrics_.end(), 0.0);
  divisor_ = objective_->loss().divisor(rows_of_targets(0), batch_);
  const float scale = divisor_ > 0 ? 1.0F / static_cast<float>(divisor_) : 0.0F;
  team.for_each(blocks.count, [&](int64_t block, int) {
    const int64_t row = blocks.first(block);
    const int64_t rows = blocks.size(block);
    const Targets targets = rows_of_targets(row);
    const auto index = static_cast<size_t>(block);
    losses_[index] = objective_->loss().compute({rows, columns, outputs + row * columns, targets,
                                                 gradient == nullptr ? nullptr : gradient + row * columns, scale});
    objective_->add_metrics(
        {rows, columns, outputs + row * columns, targets.classes, targets.values, objective_->loss().ignored_class()},
        std::span(metrics_).subspan(index * metric_totals, metric_totals));
  });
  const double sum = std::accumulate(losses_.begin(), losses_.end(), 0.0);
  return divisor_ > 0 ? sum / divisor_ : 0;
}

void BatchObjective::add_to(ObjectiveTotals& totals) const {
  totals.loss += std::accumulate(losses_.begin(), losses_.end(), 0.0);
  totals.divisor += divisor_;
  totals.samples += batch_;
  const size_t count = totals.metrics.size();
  for (size_t i = 0; i < metrics_.size(); ++i) totals.metrics[i % count] += metrics_[i];
}

}  // namespace gradloom
