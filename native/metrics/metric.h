// A metric: what is known of the samples of an epoch, and the figure that follows from it. N: batch, C: outputs of a
// sample. Most keep additive totals, so that batches, tiles and threads may be combined in any grouping; some need the
// outputs and targets of all samples.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/shape.h"
#include "common/spec.h"

namespace gradloom {

struct MetricArguments {
  int64_t rows;
  int64_t columns;                                // C
  const float* outputs;                           // [rows, C]
  const int32_t* classes;                         // class index a row, or null when targets are values
  const float* values;                            // [rows, C] (of several heads [rows, T]); null for classes
  std::optional<int32_t> ignored = std::nullopt;  // rows of this class do not count

  bool ignores(int64_t row) const { return ignored && classes[row] == *ignored; }
};

// A number (no dims), a list (one) or a matrix (two), row after row. Without values: not computed.
struct MetricResult {
  MetricResult() = default;
  MetricResult(double number) : values{number} {}  // NOLINT(google-explicit-constructor)
  MetricResult(std::vector<double> list, std::vector<int64_t> sizes)
      : values(std::move(list)), dims(std::move(sizes)) {}

  double number() const { return values.front(); }

  std::vector<double> values;
  std::vector<int64_t> dims;
};

// What a metric is computed from.
enum class MetricBasis {
  kTotals,       // totals, a set of them a block of rows
  kLargeTotals,  // totals that are too many for a set a block: batches are added one after another
  kSamples,      // the outputs and targets of all samples, which are kept: 4 bytes an output and 4 a target
};

class Metric {
 public:
  explicit Metric(const Spec& spec) : kind_(spec.string("kind")) {}
  virtual ~Metric() = default;
  Metric(const Metric&) = delete;
  Metric& operator=(const Metric&) = delete;

  const std::string& kind() const { return kind_; }
  virtual MetricBasis basis() const { return MetricBasis::kTotals; }
  // Throws when it cannot be computed from outputs of this shape and targets that are classes or values.
  virtual void check(const Shape& output_shape, bool targets_are_classes) const = 0;

  // Of totals. How many doubles they take; all are 0 to begin with.
  virtual int64_t total_count(int64_t /*columns*/) const { return 0; }
  virtual void add(const MetricArguments& /*args*/, std::span<double> /*totals*/) const {}
  // Adds the totals of other rows.
  virtual void merge(std::span<const double> other, std::span<double> totals) const {
    for (size_t i = 0; i < totals.size(); ++i) totals[i] += other[i];
  }
  virtual MetricResult result(std::span<const double> /*totals*/, int64_t /*columns*/) const { return {}; }

  // Of all samples, in any order.
  virtual MetricResult result_of(const MetricArguments& /*samples*/) const { return {}; }
  // Whether the samples go to whoever asked for the figure, who computes it.
  virtual bool hands_samples_over() const { return false; }

 private:
  std::string kind_;
};

// The kinds of metrics are one line each in registry.cc.
std::unique_ptr<Metric> make_metric(const Spec& spec);
std::vector<std::string> metric_kinds();

}  // namespace gradloom
