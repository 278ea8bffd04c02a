// An optimizer's update beside its oracles, over several tensors and steps.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "optimizers/optimizer.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"

namespace gradloom::test {

// One tensor as the optimizer keeps it and as both oracles do. The state of an optimizer without one is an
// unused array.
struct Trajectory {
  Trajectory(RandomData& random, int64_t count, float initial_state, int64_t misalignment)
      : weight(random.normal(count), misalignment),
        state(std::vector<float>(static_cast<size_t>(count), initial_state), misalignment + 1),
        float_weight(weight.values()),
        float_state(state.values()),
        double_weight(to_double(float_weight)),
        double_state(to_double(float_state)) {}

  GuardedBuffer weight;
  GuardedBuffer state;
  std::vector<float> float_weight, float_state;
  std::vector<double> double_weight, double_state;
};

// Gradients with what optimizers trip over: columns of scales from 1e-3 to 30, elements that are mostly zero,
// some that are zero for ten steps at the beginning, some whose square underflows.
inline std::vector<float> awkward_gradient(RandomData& random, int64_t count, uint64_t step) {
  constexpr float kScales[] = {1, 1e-3F, 30, 0.1F, 1};
  std::vector<float> gradient = random.normal(count);
  for (size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] *= kScales[i % 5];
    if (i % 7 == 3 && random.integer(0, 9) > 0) gradient[i] = 0;
    if (i % 7 == 5 && step <= 10) gradient[i] = 0;
    if (i % 11 == 10) gradient[i] = 1e-30F;
  }
  return gradient;
}

// A piece of a parameter, with the optimizer's own rate and decay.
inline UpdateArguments update_of(const Optimizer& optimizer, int64_t count, float* weight, const float* gradient,
                                 float* const* states, uint64_t step) {
  return {count, weight, gradient, states, step, optimizer.learning_rate(), optimizer.weight_decay()};
}

// Advances optimizer and oracles by one step of the same gradient; `rule(step, g, w, s)` is the oracle's.
template <class Rule>
void advance(const Optimizer& optimizer, const Rule& rule, uint64_t step, const std::vector<float>& gradient,
             Trajectory& t) {
  float* states[] = {t.state.data()};
  const auto count = static_cast<int64_t>(gradient.size());
  optimizer.update(update_of(optimizer, count, t.weight.data(), gradient.data(), states, step));
  for (size_t i = 0; i < gradient.size(); ++i) {
    rule(step, gradient[i], t.float_weight[i], t.float_state[i]);
    rule(step, static_cast<double>(gradient[i]), t.double_weight[i], t.double_state[i]);
  }
}

// "" when the tensors equal the float oracle in every bit, nothing beside them was written, and both are
// within `scaled` of the double oracle.
inline std::string trajectory_difference(Trajectory& t, double scaled) {
  std::string text =
      difference_in_bits(t.weight.span(), t.float_weight) + difference_in_bits(t.state.span(), t.float_state);
  if (!t.weight.intact() || !t.state.intact()) text += " written beside a tensor";
  const double weight_error = scaled_error(t.weight.span(), t.double_weight);
  const double state_error = scaled_error(t.state.span(), t.double_state);
  if (!(weight_error <= scaled)) text += " weights are off by " + std::to_string(weight_error);
  if (!(state_error <= scaled)) text += " state is off by " + std::to_string(state_error);
  return text;
}

}  // namespace gradloom::test
