#include "training/run/objective.h"

#include <algorithm>
#include <numeric>

#include "common/error.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

// Of outputs, some microseconds: several blocks of few columns.
constexpr int64_t kValuesPerJob = 1024;

// Fewer rows of many outputs, as of thousands of classes, so that threads share them; but where metrics keep many
// totals for each block.
Tiling blocks_of(int64_t batch, int64_t outputs, int64_t totals) {
  constexpr int64_t kMostRows = 64;
  constexpr int64_t kValues = 16 * 1024;
  constexpr int64_t kFewTotals = 64;
  const int64_t rows = totals > kFewTotals ? kMostRows : std::clamp<int64_t>(kValues / outputs, 1, kMostRows);
  return {batch, rows, ceil_divide(batch, rows)};
}

}  // namespace

Objective::Objective(const Spec& loss, const Spec::List& metrics, const Shape& output_shape)
    : Objective(make_loss(loss), metrics, output_shape) {}

Objective::Objective(std::unique_ptr<Loss> loss, const Spec::List& metrics, const Shape& output_shape)
    : loss_(std::move(loss)),
      metrics_(metrics, output_shape, loss_->target_kind() == TargetKind::kClass),
      outputs_(output_shape.size()),
      target_size_(loss_->target_size(outputs_)) {
  loss_->check_outputs(output_shape);
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
  } else if (samples.label_size() != target_size_) {
    throw Error("SHAPE_MISMATCH", kind + ": the model gives " + std::to_string(outputs_) +
                                      " values a sample, the dataset's labels have " +
                                      std::to_string(samples.label_size()));
  } else if (loss_->parts() > 0) {
    std::vector<float> values(static_cast<size_t>(target_size_));
    for (int64_t i = 0; i < samples.count(); ++i) {
      samples.gather_values(nullptr, i, 1, values.data());
      loss_->check_targets(values.data(), i);
    }
  }
}

ObjectiveTotals Objective::empty_totals(int64_t samples) const {
  ObjectiveTotals totals;
  totals.metrics.assign(static_cast<size_t>(metrics_.total_count()) + loss_->parts(), 0.0);
  if (metrics_.keeps_samples()) {
    const auto outputs = static_cast<size_t>(checked_multiply(samples, outputs_));
    totals.kept.outputs.reserve(outputs);
    if (loss_->target_kind() == TargetKind::kClass)
      totals.kept.classes.reserve(static_cast<size_t>(samples));
    else
      totals.kept.values.reserve(static_cast<size_t>(checked_multiply(samples, target_size_)));
  }
  return totals;
}

void Objective::reset(ObjectiveTotals& totals) const {
  totals.loss = 0;
  totals.divisor = 0;
  totals.samples = 0;
  std::fill(totals.metrics.begin(), totals.metrics.end(), 0.0);
  totals.kept.count = 0;
  totals.kept.outputs.clear();
  totals.kept.classes.clear();
  totals.kept.values.clear();
}

bool Objective::fits(const ObjectiveTotals& totals) const {
  if (totals.metrics.size() != static_cast<size_t>(metrics_.total_count()) + loss_->parts()) return false;
  const KeptSamples& kept = totals.kept;
  const bool classes = loss_->target_kind() == TargetKind::kClass;
  const int64_t count = metrics_.keeps_samples() ? totals.samples : 0;
  return kept.count == count && static_cast<int64_t>(kept.outputs.size()) == count * outputs_ &&
         static_cast<int64_t>(kept.classes.size()) == (classes ? count : 0) &&
         static_cast<int64_t>(kept.values.size()) == (classes ? 0 : count * target_size_);
}

void Objective::restore(const ObjectiveTotals& saved, ObjectiveTotals& totals) const {
  totals.loss = saved.loss;
  totals.divisor = saved.divisor;
  totals.samples = saved.samples;
  totals.metrics = saved.metrics;
  totals.kept.count = saved.kept.count;
  totals.kept.outputs.assign(saved.kept.outputs.begin(), saved.kept.outputs.end());
  totals.kept.classes.assign(saved.kept.classes.begin(), saved.kept.classes.end());
  totals.kept.values.assign(saved.kept.values.begin(), saved.kept.values.end());
}

ObjectiveResult Objective::result(const ObjectiveTotals& totals) const {
  const KeptSamples& kept = totals.kept;
  const bool classes = loss_->target_kind() == TargetKind::kClass;
  const MetricArguments samples{kept.count,
                                outputs_,
                                kept.outputs.data(),
                                classes ? kept.classes.data() : nullptr,
                                classes ? nullptr : kept.values.data(),
                                loss_->ignored_class()};
  ObjectiveResult result = running_result(totals);
  result.metrics = metrics_.results(totals.metrics, samples);
  add_parts(totals, result.metrics);
  if (metrics_.hands_samples_over()) result.samples = std::make_shared<const KeptSamples>(kept);
  return result;
}

ObjectiveResult Objective::running_result(const ObjectiveTotals& totals) const {
  // NaN where no step counted; 0 where all samples were of no account.
  const double loss = totals.samples > 0 && totals.divisor == 0 ? 0 : totals.loss / totals.divisor;
  ObjectiveResult result{loss, metrics_.quick_results(totals.metrics), nullptr};
  add_parts(totals, result.metrics);
  return result;
}

void Objective::add_parts(const ObjectiveTotals& totals, std::vector<MetricResult>& results) const {
  const auto first = static_cast<size_t>(metrics_.total_count());
  for (size_t part = 0; part < loss_->parts(); ++part) {
    results.emplace_back(totals.metrics[first + part] / totals.divisor);
  }
}

BatchObjective::BatchObjective(std::shared_ptr<const Objective> objective, int64_t batch)
    : objective_(std::move(objective)),
      batch_(batch),
      blocks_(blocks_of(batch, objective_->outputs(), objective_->metrics().block_total_count())) {
  if (objective_->loss().target_kind() == TargetKind::kClass) {
    classes_.resize(static_cast<size_t>(batch));
  } else {
    values_ = AlignedBuffer(checked_multiply(batch, objective_->target_size()));
  }
  weights_.resize(static_cast<size_t>(batch));
  const auto blocks = static_cast<size_t>(blocks_.count);
  losses_.resize(blocks);
  metrics_.resize(blocks * static_cast<size_t>(objective_->metrics().block_total_count()));
  parts_.resize(blocks * objective_->loss().parts());
  if (objective_->metrics().needs_batches()) outputs_ = AlignedBuffer(checked_multiply(batch, objective_->outputs()));
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
  return {nullptr, values_.data() + first * objective_->target_size(), weights};
}

double BatchObjective::compute(Team& team, const float* outputs, float* gradient) {
  const int64_t columns = objective_->outputs();
  const auto metric_totals = static_cast<size_t>(objective_->metrics().block_total_count());
  const size_t parts = objective_->loss().parts();
  std::fill(metrics_.begin(), metrics_.end(), 0.0);
  divisor_ = objective_->loss().divisor(rows_of_targets(0), batch_);
  const float scale = divisor_ > 0 ? 1.0F / static_cast<float>(divisor_) : 0.0F;
  const bool whole = objective_->loss().whole_batches();
  if (whole) {
    std::fill(losses_.begin(), losses_.end(), 0.0);
    losses_[0] = objective_->loss().compute({batch_, columns, outputs, rows_of_targets(0), gradient, scale});
  }
  const auto compute_block = [&](int64_t block) {
    const int64_t row = blocks_.first(block);
    const int64_t rows = blocks_.size(block);
    const Targets targets = rows_of_targets(row);
    const auto index = static_cast<size_t>(block);
    if (!whole) {
      losses_[index] = objective_->loss().compute({rows, columns, outputs + row * columns, targets,
                                                   gradient == nullptr ? nullptr : gradient + row * columns, scale,
                                                   parts_.empty() ? nullptr : &parts_[index * parts]});
    }
    if (outputs_.size() > 0) std::copy_n(outputs + row * columns, rows * columns, outputs_.data() + row * columns);
    objective_->metrics().add_block(
        {rows, columns, outputs + row * columns, targets.classes, targets.values, objective_->loss().ignored_class()},
        std::span(metrics_).subspan(index * metric_totals, metric_totals));
  };
  const Tiling jobs = cut(blocks_.count, ceil_divide(batch_ * columns, kValuesPerJob));
  team.for_each(jobs.count, [&](int64_t job, int) {
    for (int64_t block = jobs.first(job); block < jobs.first(job) + jobs.size(job); ++block) compute_block(block);
  });
  const double sum = std::accumulate(losses_.begin(), losses_.end(), 0.0);
  return divisor_ > 0 ? sum / divisor_ : 0;
}

void BatchObjective::add_to(ObjectiveTotals& totals) const {
  totals.loss += std::accumulate(losses_.begin(), losses_.end(), 0.0);
  totals.divisor += divisor_;
  totals.samples += batch_;
  const MetricSet& metrics = objective_->metrics();
  const auto count = static_cast<size_t>(metrics.block_total_count());
  for (size_t block = 0; block < losses_.size(); ++block) {
    metrics.merge_block(std::span(metrics_).subspan(block * count, count), totals.metrics);
  }
  const size_t parts = objective_->loss().parts();
  for (size_t i = 0; i < parts_.size(); ++i) {
    totals.metrics[static_cast<size_t>(metrics.total_count()) + i % parts] += parts_[i];
  }
  if (!metrics.needs_batches()) return;
  const Targets targets = rows_of_targets(0);
  metrics.add_batch({batch_, objective_->outputs(), outputs_.data(), targets.classes, targets.values,
                     objective_->loss().ignored_class()},
                    totals.metrics);
  if (metrics.keeps_samples()) keep(totals.kept);
}

// Within the room that was made for an epoch's samples.
void BatchObjective::keep(KeptSamples& kept) const {
  kept.count += batch_;
  kept.outputs.insert(kept.outputs.end(), outputs_.data(), outputs_.data() + batch_ * objective_->outputs());
  kept.classes.insert(kept.classes.end(), classes_.begin(), classes_.end());
  kept.values.insert(kept.values.end(), values_.data(), values_.data() + values_.size());
}

}  // namespace gradloom
