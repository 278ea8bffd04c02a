// A metric: additive totals over the samples of an epoch, and the figure that follows from them. N: batch, C: outputs
// of a sample. Because totals only add up, batches, tiles and threads may be combined in any grouping.
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
  const float* values;                            // [rows, C], or null when targets are classes
  std::optional<int32_t> ignored = std::nullopt;  // rows of this class do not count

  bool ignores(int64_t row) const { return ignored && classes[row] == *ignored; }
};

class Metric {
 public:
  explicit Metric(const Spec& spec) : kind_(spec.string("kind")) {}
  virtual ~Metric() = default;
  Metric(const Metric&) = delete;
  Metric& operator=(const Metric&) = delete;

  const std::string& kind() const { return kind_; }
  // How many doubles the totals take.
  virtual int64_t total_count() const = 0;
  virtual void add(const MetricArguments& args, std::span<double> totals) const = 0;
  virtual double result(std::span<const double> totals) const = 0;
  // Throws when it cannot be computed from outputs of this shape and targets that are classes or values.
  virtual void check(const Shape& output_shape, bool targets_are_classes) const = 0;

 private:
  std::string kind_;
};

// The kinds of metrics are one line each in registry.cc.
std::unique_ptr<Metric> make_metric(const Spec& spec);
std::vector<std::string> metric_kinds();

}  // namespace gradloom
