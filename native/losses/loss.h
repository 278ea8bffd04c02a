// A loss: its value and its gradient with respect to the model's outputs, in one pass over the rows. N: batch, C:
// outputs of a sample. The loss of a batch is the mean over its samples; the value is summed in double.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/shape.h"
#include "common/spec.h"

namespace gradloom {

enum class TargetKind {
  kClass,   // one class index a sample, int32
  kValues,  // C floats a sample
};

// Targets of the rows at hand: `classes` for kClass, `values` for kValues; the other is null.
struct Targets {
  const int32_t* classes = nullptr;
  const float* values = nullptr;
};

struct LossArguments {
  int64_t rows;
  int64_t columns;       // C
  const float* outputs;  // [rows, C]
  Targets targets;
  float* gradient;  // [rows, C], overwritten with scale * dloss/doutput of the sum over rows; null: value only
  float scale;      // 1 / N for the mean over a batch of which these rows are a part
};

class Loss {
 public:
  explicit Loss(const Spec& spec) : kind_(spec.string("kind")) {}
  virtual ~Loss() = default;
  Loss(const Loss&) = delete;
  Loss& operator=(const Loss&) = delete;

  const std::string& kind() const { return kind_; }
  virtual TargetKind target_kind() const = 0;
  // Sum over the rows of each sample's loss, not scaled.
  virtual double compute(const LossArguments& args) const = 0;
  // Throws when the model's outputs are not what this loss takes.
  virtual void check_outputs(const Shape& /*output_shape*/) const {}

 private:
  std::string kind_;
};

// The kinds of losses are one line each in registry.cc.
std::unique_ptr<Loss> make_loss(const Spec& spec);
std::vector<std::string> loss_kinds();

}  // namespace gradloom
