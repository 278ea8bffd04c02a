#include "optimizers/sgd.h"

#include <doctest/doctest.h>

#include "kernels/reference/optimizers.h"
#include "optimizers/optimizer_run.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Rule {
  reference::SgdOptions options;

  template <class Real>
  void operator()(uint64_t step, Real g, Real& w, Real& b) const {
    reference::sgd(options, step, g, w, b);
  }
};

Rule rule_of(const SgdSpec& spec) {
  return {{.learning_rate = spec.learning_rate,
           .momentum = spec.momentum,
           .dampening = spec.dampening,
           .weight_decay = spec.weight_decay,
           .nesterov = spec.nesterov,
           .maximize = spec.direction == "maximize"}};
}

// Two settings of every option, in all combinations that make sense (nesterov wants momentum and no
// dampening).
std::vector<SgdSpec> all_combinations() {
  std::vector<SgdSpec> all;
  for (const double momentum : {0.0, 0.9}) {
    for (const double dampening : {0.0, 0.3}) {
      for (const double weight_decay : {0.0, 0.02}) {
        for (const bool nesterov : {false, true}) {
          for (const std::string direction : {"minimize", "maximize"}) {
            if (nesterov && (momentum == 0 || dampening != 0)) continue;
            all.push_back({.learning_rate = 0.01,
                           .momentum = momentum,
                           .dampening = dampening,
                           .weight_decay = weight_decay,
                           .nesterov = nesterov,
                           .direction = direction});
          }
        }
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("sgd: values and buffers over three steps of two tensors, by hand") {
  const Sgd optimizer(sgd({.learning_rate = 0.5, .momentum = 0.5, .dampening = 0.25}));
  REQUIRE(optimizer.states({2}).size() == 1);
  CHECK(optimizer.states({2})[0].name == "momentum");
  CHECK(optimizer.states({2})[0].initial == 0);
  float w[] = {1, 2};
  float b[] = {0, 0};
  float v[] = {-1};
  float c[] = {0};
  float* b_states[] = {b};
  float* c_states[] = {c};
  // The first step takes the whole gradient; later ones 3/4 of it, beside half of the buffer. All numbers are
  // exact.
  const float gradients[3][3] = {{4, 8, -16}, {8, 0, 16}, {0, -8, 8}};
  const float expected[3][6] = {
      {1 - 2, 2 - 4, 4, 8, -1 + 8, -16},
      {-1 - 4, -2 - 2, 8, 4, 7 - 2, 4},
      {-5 - 2, -4 + 2, 4, -4, 5 - 4, 8},
  };
  for (uint64_t step = 1; step <= 3; ++step) {
    CAPTURE(step);
    const auto& g = gradients[step - 1];
    optimizer.update(update_of(optimizer, 2, w, g, b_states, step));
    optimizer.update(update_of(optimizer, 1, v, g + 2, c_states, step));
    const float actual[] = {w[0], w[1], b[0], b[1], v[0], c[0]};
    CHECK(difference_in_bits(actual, expected[step - 1]) == "");
  }
}

TEST_CASE("sgd: nesterov looks ahead, by hand") {
  const Sgd optimizer(sgd({.learning_rate = 0.5, .momentum = 0.5, .nesterov = true}));
  float w = 1;
  float b = 0;
  float* states[] = {&b};
  float g = 4;
  optimizer.update(update_of(optimizer, 1, &w, &g, states, 1));  // b = 4, w -= 0.5 (4 + 2)
  CHECK(b == 4);
  CHECK(w == -2);
  g = 8;
  optimizer.update(update_of(optimizer, 1, &w, &g, states, 2));  // b = 10, w -= 0.5 (8 + 5)
  CHECK(b == 10);
  CHECK(w == -8.5F);
}

TEST_CASE("sgd: 1,000 steps of all combinations of options: the bits of the float oracle, 1e-5 of the double one") {
  for (const SgdSpec& spec : all_combinations()) {
    CAPTURE(spec.momentum);
    CAPTURE(spec.dampening);
    CAPTURE(spec.weight_decay);
    CAPTURE(spec.nesterov);
    CAPTURE(spec.direction);
    const Sgd optimizer(sgd(spec));
    CHECK(optimizer.states({2}).empty() == (spec.momentum == 0));
    RandomData random(311);
    Trajectory first(random, 67, 0, 0);
    Trajectory second(random, 5, 0, 1);
    for (uint64_t step = 1; step <= 1000; ++step) {
      advance(optimizer, rule_of(spec), step, awkward_gradient(random, 67, step), first);
      advance(optimizer, rule_of(spec), step, awkward_gradient(random, 5, step), second);
    }
    CHECK(trajectory_difference(first, 1e-5) == "");
    CHECK(trajectory_difference(second, 1e-5) == "");
  }
}

TEST_CASE("sgd: every instruction set gives the same bits, at every length") {
  for (const double momentum : {0.0, 0.9}) {
    const SgdSpec spec{.learning_rate = 0.1, .momentum = momentum, .weight_decay = 0.01};
    for_each_simd_target([&](const std::string& target) {
      CAPTURE(target);
      const Sgd optimizer(sgd(spec));
      for (int64_t count = 0; count <= 40; ++count) {
        CAPTURE(count);
        RandomData random(312);
        Trajectory t(random, count, 0, 1);
        for (uint64_t step = 1; step <= 3; ++step) {
          advance(optimizer, rule_of(spec), step, awkward_gradient(random, count, step), t);
        }
        CHECK(trajectory_difference(t, 1e-5) == "");
      }
    });
  }
}
