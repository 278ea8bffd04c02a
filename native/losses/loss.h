// A loss: its value and its gradient with respect to the model's outputs, in one pass over the rows. N: batch, C:
// outputs of a sample. The loss of a batch is the sum over its samples, each times its weight, divided by what the loss
// says: their number, unless it weighs classes. The value is summed in double.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/shape.h"
#include "common/spec.h"

namespace gradloom {

enum class TargetKind {
  kClass,   // one class index a sample, int32
  kValues,  // floats, as many a sample as target_size says
};

// Targets of the rows at hand: `classes` for kClass, `values` for kValues; the other is null.
struct Targets {
  const int32_t* classes = nullptr;
  const float* values = nullptr;
  const float* weights = nullptr;  // one a row; null: all 1

  double weight(int64_t row) const { return weights == nullptr ? 1.0 : weights[row]; }
};

struct LossArguments {
  int64_t rows;
  int64_t columns;       // C
  const float* outputs;  // [rows, C]
  Targets targets;
  float* gradient;          // [rows, C], overwritten with scale * dloss/doutput of the sum over rows; null: value only
  float scale;              // 1 / divisor of the whole batch, of which these rows are a part
  double* parts = nullptr;  // [parts], overwritten with each part's sum over the rows; null where there are none
};

class Loss {
 public:
  explicit Loss(const Spec& spec) : kind_(spec.string("kind")) {}
  virtual ~Loss() = default;
  Loss(const Loss&) = delete;
  Loss& operator=(const Loss&) = delete;

  const std::string& kind() const { return kind_; }
  virtual TargetKind target_kind() const = 0;
  // Sum over the rows of each sample's weight times its loss, not scaled.
  virtual double compute(const LossArguments& args) const = 0;
  // What the sum over these rows is divided by; those of batches add up. 0 makes the loss and its gradient 0.
  virtual double divisor(const Targets& /*targets*/, int64_t rows) const { return static_cast<double>(rows); }
  // Samples of this class count for nothing, neither here nor in metrics.
  virtual std::optional<int32_t> ignored_class() const { return std::nullopt; }
  // Whether `compute` takes whole batches, on the thread that runs steps and without its locks: it may wait for others.
  virtual bool whole_batches() const { return false; }
  // Of a sample, where targets are values.
  virtual int64_t target_size(int64_t columns) const { return columns; }
  // Of how many losses it is made that users see beside it (HeadsLoss).
  virtual size_t parts() const { return 0; }
  // Throws LABEL_OUT_OF_RANGE, naming the sample, for targets that parts cannot read.
  virtual void check_targets(const float* /*values*/, int64_t /*sample*/) const {}
  // Throws when the model's outputs are not what this loss takes.
  virtual void check_outputs(const Shape& /*output_shape*/) const {}

 private:
  std::string kind_;
};

// The kinds of losses are one line each in registry.cc; several of them make one of kind "heads".
std::unique_ptr<Loss> make_loss(const Spec& spec);
std::vector<std::string> loss_kinds();

}  // namespace gradloom
