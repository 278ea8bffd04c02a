// Rules whose rows move in steps that do not touch them: what is caught up on is what a loop over all rows does in
// every step. Threads: 1, 2, 3 and 8.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "common/parallel.h"
#include "support/compare.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/inference/predict.h"
#include "training/tables/lazy_row_updates.h"
#include "training/threads/reading_lock.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kRows = 41;

// A table of rows, at the same start with and without laziness.
struct Rows {
  Rows(const Optimizer& rule, int64_t row_width, const std::vector<float>& start, const std::vector<StateSpec>& specs)
      : optimizer(rule), width(row_width), weight(start) {
    for (const StateSpec& spec : specs) values.emplace_back(weight.size(), spec.initial);
    for (auto& state : values) states.push_back(state.data());
  }

  UpdateArguments all(uint64_t step, const float* gradient = nullptr) {
    return {.count = kRows * width,
            .weight = weight.data(),
            .gradient = gradient,
            .states = states.data(),
            .step = step,
            .learning_rate = optimizer.learning_rate(),
            .weight_decay = 0};
  }
  RowUpdateArguments some(uint64_t step, const std::vector<uint32_t>& rows, const float* gradient) {
    return {.count = static_cast<int64_t>(rows.size()),
            .width = width,
            .rows = rows.data(),
            .table = weight.data(),
            .gradient = gradient,
            .states = states.data(),
            .state_count = states.size(),
            .step = step,
            .learning_rate = optimizer.learning_rate(),
            .weight_decay = 0};
  }

  const Optimizer& optimizer;
  int64_t width;
  std::vector<float> weight;
  std::vector<std::vector<float>> values = {};
  std::vector<float*> states = {};
};

struct Outcome {
  std::vector<float> lazy;
  std::vector<float> often_read;  // settled as a whole behind every third step
  std::vector<float> dense;       // by updates of all rows
  std::vector<double> exact;      // proximal AdaGrad's rule for all rows, in double
};

// One step of the equations in native/optimizers/proximal_adagrad.h.
void proximal_step(const PenaltySpec& rule, double g, double& w, double& s) {
  s += g * g;
  const double rate = rule.learning_rate / (std::sqrt(s) + 1e-10);
  const double v = w - rate * g;
  w = std::copysign(std::max(std::abs(v) - rate * rule.l1, 0.0), v) / (1 + rate * rule.l2);
}

// 300 steps, each of which touches some rows, the last of them none at all.
Outcome run(const std::string& kind, const PenaltySpec& penalties, int64_t width) {
  const auto optimizer = make_optimizer(penalized(kind, penalties));
  const bool lazily = optimizer->moves_untouched();
  RandomData random(3);
  const std::vector<float> start = random.normal(kRows * width);
  const Shape shape{kRows, width};
  Rows lazy(*optimizer, width, start, optimizer->table_states(shape));
  Rows often(*optimizer, width, start, optimizer->table_states(shape));
  Rows dense(*optimizer, width, start, optimizer->states(shape));
  std::vector<double> exact(start.begin(), start.end());
  std::vector<double> exact_state(start.size(), static_cast<float>(penalties.initial_accumulator));
  for (Rows* table : {&lazy, &often}) optimizer->adopt(table->all(0));
  for (uint64_t step = 1; step <= 300; ++step) {
    std::vector<uint32_t> rows;
    std::vector<float> gradient;
    std::vector<float> whole(start.size(), 0.0F);
    for (uint32_t row = 0; row < kRows; ++row) {
      // Row 0 never, the last one in most steps, the others now and then.
      const bool touched = row > 0 && step < 290 && random.integer(0, kRows - 1) < int64_t{row} * row / kRows;
      if (!touched) continue;
      rows.push_back(row);
      for (int64_t i = 0; i < width; ++i) {
        gradient.push_back(static_cast<float>(random.unit()) - 0.4F);
        whole[static_cast<size_t>(row * width + i)] = gradient.back();
      }
    }
    for (Rows* table : {&lazy, &often}) {
      if (lazily) optimizer->settle_rows(table->some(step - 1, rows, nullptr));
      optimizer->update_rows(table->some(step, rows, gradient.data()));
    }
    if (lazily && step % 3 == 0) optimizer->settle(often.all(step));
    optimizer->update(dense.all(step, whole.data()));
    for (size_t i = 0; i < whole.size(); ++i) proximal_step(penalties, whole[i], exact[i], exact_state[i]);
  }
  for (Rows* table : {&lazy, &often}) {
    if (lazily) optimizer->settle(table->all(300));
  }
  return {lazy.weight, often.weight, dense.weight, exact};
}

LearnerOptions linear_net(const Spec::Object& optimizer) {
  return {.input_shape = {500},
          .layers = {sparse_dense({.units = 10})},
          .metrics = {Spec::Object{{"kind", "accuracy"}}},
          .optimizer = optimizer};
}

std::vector<float> settled_weights(Learner& learner) {
  const ReadingLock lock(learner.network());
  const float* weights = learner.network().weights();
  return {weights, weights + learner.network().architecture().weights_size()};
}

}  // namespace

TEST_CASE("lazy tables: rows that are caught up on are where a step over all rows would have them") {
  struct Case {
    std::string kind;
    double l1;
    double l2;
    double error;  // 0: every bit
  };
  for (const Case& each :
       {Case{"proximalAdagrad", 0.01, 0, 1e-5}, Case{"proximalAdagrad", 0.01, 0.02, 1e-5},
        Case{"proximalAdagrad", 0, 0.02, 1e-5}, Case{"proximalAdagrad", 0, 0, 0}, Case{"ftrl", 1, 0.1, 0},
        Case{"adagradDualAveraging", 0.01, 0.02, 0}, Case{"adagradDualAveraging", 0, 0, 0}}) {
    for (const int64_t width : {1, 5, 300}) {
      CAPTURE(each.kind);
      CAPTURE(each.l1);
      CAPTURE(width);
      // Under ftrl, as under proximal AdaGrad, a weight stays at its start until it has a gradient if n begins at 0.
      const double begin = each.kind == "ftrl" ? 0 : 0.1;
      const Outcome outcome = run(each.kind, {.initial_accumulator = begin, .l1 = each.l1, .l2 = each.l2}, width);
      const std::vector<float>& lazy = outcome.lazy;
      const std::vector<float>& dense = outcome.dense;
      if (each.error == 0) {
        CHECK(difference_in_bits(lazy, dense) == "");
      } else {
        CHECK(scaled_error(lazy, outcome.exact) <= each.error);
        CHECK(scaled_error(lazy, outcome.exact) <= 1.5 * scaled_error(dense, outcome.exact));
      }
      CHECK(difference_in_bits(outcome.often_read, outcome.lazy) == "");
      if (each.l1 > 0)
        CHECK(std::count(lazy.begin(), lazy.end(), 0.0F) == std::count(dense.begin(), dense.end(), 0.0F));
      if (each.l1 > 0) CHECK(std::count(lazy.begin(), lazy.end(), 0.0F) > 0);
    }
  }
}

TEST_CASE("lazy tables: equal bits at 1, 2, 3 and 8 threads, also when the model is read while it trains") {
  const SparseSamples samples = sparse_samples(330, 500);
  for (const auto& kind : {"proximalAdagrad", "adagradDualAveraging"}) {
    const LearnerOptions net = linear_net(penalized(kind));
    const auto once = make_learner(net);
    run_steps(*once, samples.view(), 33, 30, 1);
    const std::vector<float> expected = settled_weights(*once);
    CHECK(std::count(expected.begin(), expected.end(), 0.0F) > 100);
    for (const int threads : {2, 3, 8}) {
      const auto learner = make_learner(net);
      for (int part = 0; part < 3; ++part) {
        run_steps(*learner, samples.view(), 33, 10, threads);
        settled_weights(*learner);
      }
      CHECK(difference_in_bits(settled_weights(*learner), expected) == "");
    }
  }
}

TEST_CASE("lazy tables: another learning rate, weights that were set and another learner begin from what is there") {
  const SparseSamples samples = sparse_samples(330, 500);
  const LearnerOptions net = linear_net(penalized("proximalAdagrad"));
  const auto reference = [&](double scale) {
    const auto learner = make_learner(net);
    run_steps(*learner, samples.view(), 33, 10, 1);
    learner->scale_rate(scale);
    const std::vector<float> before = settled_weights(*learner);
    // Steps of a sample without features: the rows move by their penalties alone.
    SparseSamples empty{.offsets = {0, 0}, .indices = {}, .values = {}, .classes = {0}, .features = 500};
    run_steps(*learner, empty.view(), 1, 3, 1);
    return std::pair(before, settled_weights(*learner));
  };
  const auto [start, moved] = reference(1);
  const auto [same_start, moved_half] = reference(0.5);
  CHECK(difference_in_bits(start, same_start) == "");
  int64_t smaller = 0;
  for (size_t i = 0; i < 5000; ++i) {
    // Steps at half the rate go about half as far towards 0, where they do not end there.
    if (moved[i] == 0 || std::abs(start[i]) < 1e-3F) continue;
    const double way = std::abs(start[i]) - std::abs(moved[i]);
    const double half = std::abs(start[i]) - std::abs(moved_half[i]);
    CHECK(half == doctest::Approx(way / 2).epsilon(0.02));
    ++smaller;
  }
  CHECK(smaller > 1000);

  const auto first = make_learner(net);
  run_steps(*first, samples.view(), 33, 10, 1);
  Learner second(first->shared_network(), make_optimizer(adagrad({})), first->objective(), {});
  run_steps(second, samples.view(), 33, 1, 1);
  const std::vector<float> trained = settled_weights(*first);
  CHECK(trained != start);
  {
    // The first learner's rows are where the second one left them.
    Learner third(first->shared_network(), make_optimizer(penalized("proximalAdagrad", {.l1 = 0.5})),
                  first->objective(), {});
    CHECK(difference_in_bits(settled_weights(*first), trained) == "");
    run_steps(third, samples.view(), 33, 300, 1);
  }
  // A learner that goes leaves the weights settled.
  CHECK_FALSE(first->network().stale());
  const float* weights = first->network().weights();
  CHECK(std::count(weights, weights + 5000, 0.0F) > 4500);
}

TEST_CASE("lazy tables: rows that shrink below the least normal float are 0 for who reads them in a team and outside") {
  const SparseSamples samples = sparse_samples(330, 500);
  const LearnerOptions net = linear_net(penalized("proximalAdagrad", {.l1 = 0, .l2 = 20}));
  const auto outside = make_learner(net);
  const auto inside = make_learner(net);
  for (const auto& learner : {outside.get(), inside.get()}) run_steps(*learner, samples.view(), 2, 160, 1);
  const std::vector<float> expected = settled_weights(*outside);
  std::vector<float> read;
  Team::run(1, [&](Team&) { read = settled_weights(*inside); });
  CHECK(difference_in_bits(read, expected) == "");
  const auto tiny = [](float weight) { return std::abs(weight) < 1e-30F; };
  CHECK(std::any_of(expected.begin(), expected.end(), [&](float weight) { return weight != 0 && tiny(weight); }));
  CHECK(std::none_of(expected.begin(), expected.end(),
                     [](float weight) { return std::fpclassify(weight) == FP_SUBNORMAL; }));
}

TEST_CASE("lazy tables: counts of steps wrap around where float32 ends") {
  const SparseSamples samples = sparse_samples(330, 500);
  const auto run_from = [&](uint64_t step) {
    const auto learner = make_learner(linear_net(penalized("proximalAdagrad")));
    learner->steps = step;
    run_steps(*learner, samples.view(), 33, 30, 1);
    return settled_weights(*learner);
  };
  const std::vector<float> expected = run_from(0);
  CHECK(scaled_error(run_from((1U << 24) - 11), std::vector<double>(expected.begin(), expected.end())) < 1e-5);
  CHECK(scaled_error(run_from((3U << 23) - 7), std::vector<double>(expected.begin(), expected.end())) < 1e-5);
}
