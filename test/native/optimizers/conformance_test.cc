// What every optimizer must do. Every kind in the registry has an example here; one without fails.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "optimizers/optimizer.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::multimap<std::string, Spec::Object>& examples() {
  static const std::multimap<std::string, Spec::Object> table = {
      {"adagrad", adagrad({.weight_decay = 0.01})},
      {"adagrad", adagrad({.initial_accumulator = 0.1, .epsilon = 1e-7, .epsilon_placement = "inside"})},
      {"adagrad", adagrad({.initial_accumulator = 0.1, .epsilon = 0, .weight_decay_mode = "decoupled"})},
      {"sgd", sgd({})},
      {"sgd", sgd({.momentum = 0.9, .nesterov = true})},
  };
  return table;
}

// A parameter with its states, at their initial values.
struct Tensor {
  Tensor(const Optimizer& optimizer, const std::vector<float>& values) : weight(values, 1) {
    for (const StateSpec& state : optimizer.states()) {
      states.push_back(std::make_unique<GuardedBuffer>(std::vector<float>(values.size(), state.initial), 2));
    }
  }

  // Elements [first, first + count).
  GradientCheck update(const Optimizer& optimizer, const std::vector<float>& gradient, int64_t first, int64_t count,
                       uint64_t step) {
    std::vector<float*> pointers;
    for (const auto& state : states) pointers.push_back(state->data() + first);
    return optimizer.update({count, weight.data() + first, gradient.data() + first, pointers.data(), step});
  }

  GuardedBuffer weight;
  std::vector<std::unique_ptr<GuardedBuffer>> states;
};

}  // namespace

TEST_CASE("optimizers: every kind in the registry has an example, and the other way round") {
  std::vector<std::string> kinds;
  for (auto it = examples().begin(); it != examples().end(); it = examples().upper_bound(it->first)) {
    kinds.push_back(it->first);
  }
  CHECK(kinds == optimizer_kinds());
  CHECK(error_of([] {
          make_optimizer(Spec::Object{{"kind", "adam"}});
        }) == "UNKNOWN_KIND: there is no optimizer of kind \"adam\"");
}

TEST_CASE("optimizers: every attribute is required, and an error names it") {
  for (const auto& [kind, example] : examples()) {
    for (const auto& [attribute, value] : example) {
      CAPTURE(kind);
      Spec::Object spec = example;
      spec.erase(attribute);
      CHECK(error_of([&] { make_optimizer(spec); }) == "INVALID_SPEC: attribute \"" + attribute + "\" is missing");
    }
  }
}

TEST_CASE("optimizers: an update cut into pieces gives the bits of the whole, and touches nothing else") {
  RandomData random(321);
  for (const auto& [kind, spec] : examples()) {
    CAPTURE(kind);
    const auto optimizer = make_optimizer(spec);
    const std::vector<float> start = random.normal(100);
    Tensor whole(*optimizer, start);
    Tensor pieces(*optimizer, start);
    for (uint64_t step = 1; step <= 3; ++step) {
      const std::vector<float> gradient = random.normal(100);
      whole.update(*optimizer, gradient, 0, 100, step);
      for (int64_t first = 0; first < 100;) {
        const int64_t count = std::min<int64_t>(random.integer(1, 20), 100 - first);
        pieces.update(*optimizer, gradient, first, count, step);
        first += count;
      }
    }
    CHECK(difference_in_bits(pieces.weight.span(), whole.weight.span()) == "");
    CHECK(whole.weight.intact());
    for (size_t i = 0; i < whole.states.size(); ++i) {
      CHECK(difference_in_bits(pieces.states[i]->span(), whole.states[i]->span()) == "");
      CHECK(whole.states[i]->intact());
    }
  }
}

TEST_CASE("optimizers: minimize goes against the gradient, maximize with it") {
  for (const auto& [kind, example] : examples()) {
    for (const std::string direction : {"minimize", "maximize"}) {
      CAPTURE(kind);
      CAPTURE(direction);
      Spec::Object spec = example;
      spec.insert_or_assign("direction", Spec(direction));
      spec.insert_or_assign("weightDecay", Spec(0.0));
      const auto optimizer = make_optimizer(spec);
      Tensor tensor(*optimizer, {1, 1});
      tensor.update(*optimizer, {2, -3}, 0, 2, 1);
      const float sign = direction == std::string("minimize") ? 1.0F : -1.0F;
      CHECK(sign * (1 - tensor.weight.values()[0]) > 0);
      CHECK(sign * (1 - tensor.weight.values()[1]) < 0);
    }
  }
}

TEST_CASE("optimizers: what is not finite is reported wherever it stands, in gradient or weight; nothing else is") {
  RandomData random(322);
  for_each_simd_target([&](const std::string& target) {
    for (const auto& [kind, spec] : examples()) {
      const auto optimizer = make_optimizer(spec);
      for (const int64_t count : {1, 15, 16, 17, 33}) {
        CAPTURE(target);
        CAPTURE(kind);
        CAPTURE(count);
        const std::vector<float> start = random.normal(count);
        const std::vector<float> gradient = random.normal(count);
        CHECK(Tensor(*optimizer, start).update(*optimizer, gradient, 0, count, 1) == GradientCheck::kFinite);
        for (int64_t at = 0; at < count; ++at) {
          for (const float bad : {std::numeric_limits<float>::quiet_NaN(), INFINITY, -INFINITY}) {
            CAPTURE(at);
            CAPTURE(bad);
            std::vector<float> bad_gradient = gradient;
            bad_gradient[static_cast<size_t>(at)] = bad;
            CHECK(Tensor(*optimizer, start).update(*optimizer, bad_gradient, 0, count, 1) == GradientCheck::kNotFinite);
            std::vector<float> bad_weight = start;
            bad_weight[static_cast<size_t>(at)] = bad;
            CHECK(Tensor(*optimizer, bad_weight).update(*optimizer, gradient, 0, count, 1) ==
                  GradientCheck::kNotFinite);
          }
        }
      }
    }
  });
}

TEST_CASE("optimizers: the rate's scale is a factor of the learning rate") {
  RandomData random(7);
  const auto check = [&](const Spec::Object& fast, const Spec::Object& slow) {
    const auto scaled = make_optimizer(fast);
    const auto plain = make_optimizer(slow);
    CAPTURE(plain->kind());
    const std::vector<float> start = random.normal(37);
    Tensor one(*scaled, start);
    Tensor other(*plain, start);
    for (uint64_t step = 1; step <= 3; ++step) {
      const std::vector<float> gradient = random.normal(37);
      float* states[] = {one.states[0]->data()};
      scaled->update({37, one.weight.data(), gradient.data(), states, step, 0.25});
      other.update(*plain, gradient, 0, 37, step);
    }
    CHECK(difference_in_bits(one.weight.span(), other.weight.span()) == "");
  };
  check(adagrad({.learning_rate = 0.5}), adagrad({.learning_rate = 0.125}));
  check(sgd({.learning_rate = 0.5, .momentum = 0.9}), sgd({.learning_rate = 0.125, .momentum = 0.9}));
}
