#include "optimizers/adagrad.h"

#include <doctest/doctest.h>

#include "kernels/reference/optimizers.h"
#include "optimizers/optimizer_run.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Rule {
  reference::AdagradOptions options;

  template <class Real>
  void operator()(uint64_t step, Real g, Real& w, Real& s) const {
    reference::adagrad(options, step, g, w, s);
  }
};

Rule rule_of(const AdagradSpec& spec) {
  return {{.learning_rate = spec.learning_rate,
           .learning_rate_decay = spec.learning_rate_decay,
           .weight_decay = spec.weight_decay,
           .epsilon = spec.epsilon,
           .decoupled = spec.weight_decay_mode == "decoupled",
           .epsilon_inside = spec.epsilon_placement == "inside",
           .maximize = spec.direction == "maximize"}};
}

// Two settings of every option, in all combinations.
std::vector<AdagradSpec> all_combinations() {
  std::vector<AdagradSpec> all;
  for (const double rate_decay : {0.0, 0.01}) {
    for (const double weight_decay : {0.0, 0.02}) {
      for (const std::string mode : {"coupled", "decoupled"}) {
        for (const double initial : {0.0, 0.1}) {
          for (const std::string placement : {"outside", "inside"}) {
            for (const std::string direction : {"minimize", "maximize"}) {
              all.push_back({.learning_rate = 0.05,
                             .learning_rate_decay = rate_decay,
                             .weight_decay = weight_decay,
                             .initial_accumulator = initial,
                             .epsilon = placement == std::string("inside") ? 1e-7 : 1e-10,
                             .weight_decay_mode = mode,
                             .epsilon_placement = placement,
                             .direction = direction});
            }
          }
        }
      }
    }
  }
  return all;
}

void check_trajectory(const AdagradSpec& spec, uint64_t steps) {
  const Adagrad optimizer(adagrad(spec));
  RandomData random(301);
  const auto initial = static_cast<float>(spec.initial_accumulator);
  Trajectory first(random, 67, initial, 0);
  Trajectory second(random, 5, initial, 1);
  for (uint64_t step = 1; step <= steps; ++step) {
    advance(optimizer, rule_of(spec), step, awkward_gradient(random, 67, step), first);
    advance(optimizer, rule_of(spec), step, awkward_gradient(random, 5, step), second);
  }
  CHECK(trajectory_difference(first, 1e-5) == "");
  CHECK(trajectory_difference(second, 1e-5) == "");
}

}  // namespace

TEST_CASE("adagrad: values and accumulators over three steps of two tensors, by hand") {
  const Adagrad optimizer(adagrad({.learning_rate = 0.1}));
  REQUIRE(optimizer.states({2}).size() == 1);
  CHECK(optimizer.states({2})[0].name == "accumulator");
  CHECK(optimizer.states({2})[0].initial == 0);
  float w[] = {1, 2};
  float s[] = {0, 0};
  float v[] = {-1};
  float r[] = {0};
  float* s_states[] = {s};
  float* r_states[] = {r};
  const float gradients[3][3] = {{3, 4, 5}, {4, 3, -12}, {0, 12, 0}};
  const double expected[3][6] = {
      // w0, w1, s0, s1, v, r: the rate over the root of the summed squares, 0.1 g / sqrt(s)
      {1 - 0.1, 2 - 0.1, 9, 16, -1 - 0.1, 25},
      {0.9 - 0.1 * 4 / 5, 1.9 - 0.1 * 3 / 5, 25, 25, -1.1 + 0.1 * 12 / 13, 169},
      {0.9 - 0.1 * 4 / 5, 1.84 - 0.1 * 12 / 13, 25, 169, -1.1 + 0.1 * 12 / 13, 169},
  };
  for (uint64_t step = 1; step <= 3; ++step) {
    CAPTURE(step);
    const auto& g = gradients[step - 1];
    CHECK(optimizer.update(update_of(optimizer, 2, w, g, s_states, step)) == GradientCheck::kFinite);
    CHECK(optimizer.update(update_of(optimizer, 1, v, g + 2, r_states, step)) == GradientCheck::kFinite);
    const float actual[] = {w[0], w[1], s[0], s[1], v[0], r[0]};
    CHECK(difference(actual, std::span<const double>(expected[step - 1]), Tolerance{1e-6, 0}) == "");
  }
}

TEST_CASE(
    "adagrad: 1,000 steps of all 64 combinations of options: the bits of the float oracle, 1e-5 of the "
    "double one") {
  for (const AdagradSpec& spec : all_combinations()) {
    CAPTURE(spec.learning_rate_decay);
    CAPTURE(spec.weight_decay);
    CAPTURE(spec.initial_accumulator);
    CAPTURE(spec.weight_decay_mode);
    CAPTURE(spec.epsilon_placement);
    CAPTURE(spec.direction);
    check_trajectory(spec, 1000);
  }
}

TEST_CASE("adagrad: every instruction set gives the same bits, at every length") {
  const AdagradSpec spec{.learning_rate = 0.1, .learning_rate_decay = 0.1, .weight_decay = 0.01};
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    const Adagrad optimizer(adagrad(spec));
    for (int64_t count = 0; count <= 40; ++count) {
      CAPTURE(count);
      RandomData random(302);
      Trajectory t(random, count, 0, 1);
      for (uint64_t step = 1; step <= 3; ++step) {
        advance(optimizer, rule_of(spec), step, awkward_gradient(random, count, step), t);
      }
      CHECK(trajectory_difference(t, 1e-5) == "");
    }
  });
}

TEST_CASE("adagrad: a zero gradient on a zero accumulator moves nothing") {
  const Adagrad optimizer(adagrad({}));
  float w = 3;
  float s = 0;
  const float g = 0;
  float* states[] = {&s};
  CHECK(optimizer.update(update_of(optimizer, 1, &w, &g, states, 1)) == GradientCheck::kFinite);
  CHECK(w == 3);
  CHECK(s == 0);
}
