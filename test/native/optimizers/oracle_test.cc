// Every rule that works element by element beside its oracles, over 1,000 steps of two tensors and all combinations of
// its options: the bits of the same operations in float, and the values of double.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/reference/optimizers.h"
#include "optimizers/optimizer_run.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

template <class Real>
using Rule = std::function<void(uint64_t step, Real g, Real& w, Real* state)>;

struct Case {
  std::string name;
  Spec::Object spec;
  Rule<float> in_float;
  Rule<double> in_double;
  double tolerance = 1e-5;
};

// Gradients whose squares are numbers in float32 too. Where one is 0 there and not in double, a rule that leaves
// elements without a gradient alone differs, and so does one that divides a weight's decay by the root of its square.
std::vector<float> gradient_of(RandomData& random, int64_t count, uint64_t step) {
  std::vector<float> gradient = awkward_gradient(random, count, step);
  for (float& g : gradient) {
    if (std::abs(g) < 1e-18F && g != 0) g = 1e-3F;
  }
  return gradient;
}

#define GRADLOOM_RULES(function, options)                                                              \
  [options](uint64_t step, float g, float& w, float* state) { function(options, step, g, w, state); }, \
      [options](uint64_t step, double g, double& w, double* state) { function(options, step, g, w, state); }

Spec direction(bool maximize) { return maximize ? "maximize" : "minimize"; }

std::vector<Case> rmsprop_cases() {
  std::vector<Case> cases;
  for (const bool centered : {false, true}) {
    for (const double momentum : {0.0, 0.9}) {
      for (const double decay : {0.0, 1e-4}) {
        for (const bool maximize : {false, true}) {
          reference::RmspropOptions options;
          options.learning_rate = 0.003;
          options.weight_decay = decay;
          options.maximize = maximize;
          options.smoothing = 0.99;
          // A centered variance near 0 is a difference of equals: what is left of it in float32 must not count.
          options.epsilon = centered ? 0.1 : 1e-8;
          options.momentum = momentum;
          options.centered = centered;
          cases.push_back({std::string("rmsprop") + (centered ? " centered" : "") + (momentum != 0 ? " momentum" : "") +
                               (decay != 0 ? " decay" : ""),
                           {{"kind", "rmsprop"},
                            {"learningRate", options.learning_rate},
                            {"smoothing", options.smoothing},
                            {"epsilon", options.epsilon},
                            {"momentum", momentum},
                            {"centered", centered},
                            {"weightDecay", decay},
                            {"direction", direction(maximize)}},
                           GRADLOOM_RULES(reference::rmsprop, options)});
        }
      }
    }
  }
  return cases;
}

std::vector<Case> adadelta_cases() {
  std::vector<Case> cases;
  for (const double decay : {0.0, 0.02}) {
    for (const bool maximize : {false, true}) {
      reference::AdadeltaOptions options;
      options.learning_rate = 0.5;
      options.weight_decay = decay;
      options.maximize = maximize;
      cases.push_back({"adadelta",
                       {{"kind", "adadelta"},
                        {"learningRate", options.learning_rate},
                        {"smoothing", options.smoothing},
                        {"epsilon", options.epsilon},
                        {"weightDecay", decay},
                        {"direction", direction(maximize)}},
                       GRADLOOM_RULES(reference::adadelta, options)});
    }
  }
  return cases;
}

// A decay that rules the direction would move a weight by whole steps around 0, and no two roundings alike.
std::vector<Case> adam_cases() {
  std::vector<Case> cases;
  for (const bool decoupled : {false, true}) {
    for (const bool amsgrad : {false, true}) {
      for (const double decay : {0.0, 1e-4}) {
        for (const bool maximize : {false, true}) {
          reference::AdamOptions options;
          options.learning_rate = 0.01;
          options.weight_decay = decay;
          options.maximize = maximize;
          options.beta1 = 0.8;
          options.beta2 = 0.99;
          options.amsgrad = amsgrad;
          options.decoupled = decoupled;
          cases.push_back({decoupled ? "adamW" : "adam",
                           {{"kind", decoupled ? "adamW" : "adam"},
                            {"learningRate", options.learning_rate},
                            {"beta1", options.beta1},
                            {"beta2", options.beta2},
                            {"epsilon", options.epsilon},
                            {"amsgrad", amsgrad},
                            {"weightDecay", decay},
                            {"direction", direction(maximize)}},
                           GRADLOOM_RULES(reference::adam, options),
                           decoupled ? 5e-5 : 1e-5});
        }
      }
    }
  }
  return cases;
}

std::vector<Case> penalty_cases() {
  std::vector<Case> cases;
  for (const double l1 : {0.0, 0.01}) {
    for (const double l2 : {0.0, 0.05}) {
      for (const bool maximize : {false, true}) {
        reference::PenaltyOptions options;
        options.learning_rate = 0.1;
        options.maximize = maximize;
        options.l1 = l1;
        options.l2 = l2;
        const Spec::Object common{{"learningRate", options.learning_rate},
                                  {"initialAccumulator", 0.1},
                                  {"l1", l1},
                                  {"l2", l2},
                                  {"direction", direction(maximize)}};
        Spec::Object proximal = common;
        proximal.insert({{"kind", "proximalAdagrad"}, {"epsilon", options.epsilon}});
        cases.push_back({"proximalAdagrad", proximal, GRADLOOM_RULES(reference::proximal_adagrad, options)});
        Spec::Object from_zero = proximal;
        from_zero.insert_or_assign("initialAccumulator", Spec(0.0));
        cases.push_back({"proximalAdagrad", from_zero, GRADLOOM_RULES(reference::proximal_adagrad, options)});
        Spec::Object dual = common;
        dual.insert({{"kind", "adagradDualAveraging"}});
        cases.push_back({"adagradDualAveraging", dual, GRADLOOM_RULES(reference::adagrad_dual_averaging, options)});
        for (const double beta : {0.0, 1.0}) {
          options.beta = beta;
          Spec::Object ftrl = common;
          ftrl.insert({{"kind", "ftrl"}, {"beta", beta}});
          cases.push_back({"ftrl", ftrl, GRADLOOM_RULES(reference::ftrl, options)});
          ftrl.insert_or_assign("initialAccumulator", Spec(0.0));
          cases.push_back({"ftrl", ftrl, GRADLOOM_RULES(reference::ftrl, options)});
        }
      }
    }
  }
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& cases : {rmsprop_cases(), adadelta_cases(), adam_cases(), penalty_cases()}) {
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

// A tensor as the optimizer and both oracles keep it.
class Run {
 public:
  Run(const Optimizer& optimizer, RandomData& random, int64_t count, int64_t misalignment)
      : optimizer_(optimizer), weight_(random.normal(count), misalignment) {
    specs_ = optimizer.states({std::max<int64_t>(count, 1)});
    for (const StateSpec& spec : specs_) {
      const std::vector<float> initial(static_cast<size_t>(count), spec.initial);
      states_.push_back(std::make_unique<GuardedBuffer>(initial, misalignment + 1));
    }
    for (const float w : weight_.values()) {
      float_.push_back({w});
      double_.push_back({w});
      for (size_t k = 0; k < specs_.size(); ++k) {
        float_.back().state[k] = specs_[k].initial;
        double_.back().state[k] = specs_[k].initial;
      }
    }
  }

  void step(const Case& one, uint64_t step, const std::vector<float>& gradient) {
    std::vector<float*> pointers;
    for (const auto& state : states_) pointers.push_back(state->data());
    optimizer_.update(update_of(optimizer_, static_cast<int64_t>(gradient.size()), weight_.data(), gradient.data(),
                                pointers.data(), step));
    for (size_t i = 0; i < gradient.size(); ++i) {
      one.in_float(step, gradient[i], float_[i].weight, float_[i].state);
      one.in_double(step, gradient[i], double_[i].weight, double_[i].state);
    }
  }

  // "" when all bits are those of the float oracle, nothing beside the tensors was written, and all values are within
  // `tolerance` of the double oracle, scaled.
  std::string difference(double tolerance) {
    std::string text = compare(
        weight_, [](const auto& element) { return element.weight; }, tolerance);
    for (size_t k = 0; k < states_.size(); ++k) {
      text += compare(
          *states_[k], [k](const auto& element) { return element.state[k]; }, tolerance);
    }
    return text;
  }

 private:
  template <class Real>
  struct Element {
    Real weight;
    Real state[kMostStates] = {};
  };

  template <class Get>
  std::string compare(GuardedBuffer& buffer, Get get, double tolerance) {
    std::vector<float> expected;
    std::vector<double> exact;
    for (const auto& element : float_) expected.push_back(get(element));
    for (const auto& element : double_) exact.push_back(get(element));
    std::string text = difference_in_bits(buffer.span(), expected);
    if (!buffer.intact()) text += " written beside a tensor";
    const double error = scaled_error(buffer.span(), exact);
    if (!(error <= tolerance)) text += " off by " + std::to_string(error);
    return text;
  }

  const Optimizer& optimizer_;
  std::vector<StateSpec> specs_;
  GuardedBuffer weight_;
  std::vector<std::unique_ptr<GuardedBuffer>> states_;
  std::vector<Element<float>> float_;
  std::vector<Element<double>> double_;
};

}  // namespace

TEST_CASE(
    "optimizers: 1,000 steps of all combinations of options: the bits of the float oracle, the values of double") {
  for (const Case& one : all_cases()) {
    CAPTURE(one.name);
    const auto optimizer = make_optimizer(one.spec);
    RandomData random(331);
    Run first(*optimizer, random, 67, 0);
    Run second(*optimizer, random, 5, 1);
    for (uint64_t step = 1; step <= 1000; ++step) {
      first.step(one, step, gradient_of(random, 67, step));
      second.step(one, step, gradient_of(random, 5, step));
    }
    CHECK(first.difference(one.tolerance) == "");
    CHECK(second.difference(one.tolerance) == "");
  }
}

TEST_CASE("optimizers: every instruction set gives the bits of the float oracle, at every length") {
  for_each_simd_target([&](const std::string& target) {
    for (const Case& one : all_cases()) {
      CAPTURE(target);
      CAPTURE(one.name);
      const auto optimizer = make_optimizer(one.spec);
      for (int64_t count = 1; count <= 35; count += 2) {
        RandomData random(332);
        Run run(*optimizer, random, count, 1);
        for (uint64_t step = 1; step <= 3; ++step) run.step(one, step, gradient_of(random, count, step));
        CHECK(run.difference(1e-4) == "");
      }
    }
  });
}
