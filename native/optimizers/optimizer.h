// An optimizer: the update of one stretch of a parameter, element by element, so that it may run on any tile of a
// gradient as soon as that tile is there. It holds no state: the trainer keeps one array a parameter and state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/spec.h"

namespace gradloom {

struct StateSpec {
  std::string name;  // in checkpoints: <layer>.<parameter>.<name>
  float initial;
};

struct UpdateArguments {
  int64_t count;
  float* weight;          // [count], updated
  const float* gradient;  // [count]
  float* const* states;   // one [count] array a state, updated
  uint64_t step;          // of this update, from 1
  double rate_scale = 1;  // a factor of the learning rate
};

enum class GradientCheck {
  kFinite,
  // A NaN or an infinity among the new weights: from a gradient (all of them end there) or there before. The update was
  // made all the same.
  kNotFinite,
};

class Optimizer {
 public:
  explicit Optimizer(const Spec& spec) : kind_(spec.string("kind")) {}
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  const std::string& kind() const { return kind_; }
  const std::vector<StateSpec>& states() const { return states_; }
  // Why it cannot leave rows of a table alone in a step that does not touch them; "" when it can.
  virtual std::string objection_to_rows() const { return "its update moves weights whose gradient is 0"; }
  // Thread-safe; no two calls at once may overlap.
  virtual GradientCheck update(const UpdateArguments& args) const = 0;

 protected:
  void add_state(StateSpec state) { states_.push_back(std::move(state)); }

 private:
  std::string kind_;
  std::vector<StateSpec> states_;
};

// The kinds of optimizers are one line each in registry.cc.
std::unique_ptr<Optimizer> make_optimizer(const Spec& spec);
std::vector<std::string> optimizer_kinds();

}  // namespace gradloom
