// What every optimizer must do. Every kind in the registry has an example here; one without fails.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "optimizers/optimizer.h"
#include "optimizers/optimizer_run.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

Spec::Object adam(const std::string& kind, bool amsgrad) {
  return {{"kind", kind},    {"learningRate", 0.01}, {"beta1", 0.9},        {"beta2", 0.999},
          {"epsilon", 1e-8}, {"amsgrad", amsgrad},   {"weightDecay", 0.01}, {"direction", "minimize"}};
}

const std::multimap<std::string, Spec::Object>& examples() {
  static const std::multimap<std::string, Spec::Object> table = {
      {"adadelta",
       {{"kind", "adadelta"},
        {"learningRate", 1.0},
        {"smoothing", 0.9},
        {"epsilon", 1e-6},
        {"weightDecay", 0.01},
        {"direction", "minimize"}}},
      {"adagrad", adagrad({.weight_decay = 0.01})},
      {"adagrad", adagrad({.initial_accumulator = 0.1, .epsilon = 1e-7, .epsilon_placement = "inside"})},
      {"adagrad", adagrad({.initial_accumulator = 0.1, .epsilon = 0, .weight_decay_mode = "decoupled"})},
      {"adagrad", adagrad({.weight_decay = 0.01, .weight_decay_mode = "decoupled", .direction = "maximize"})},
      {"adagrad", adagrad({.weight_decay = 0.01, .epsilon_placement = "inside"})},
      {"adagradDualAveraging",
       {{"kind", "adagradDualAveraging"},
        {"learningRate", 0.1},
        {"initialAccumulator", 0.1},
        {"l1", 0.001},
        {"l2", 0.01},
        {"direction", "minimize"}}},
      {"adagradNorm",
       {{"kind", "adagradNorm"},
        {"learningRate", 0.1},
        {"initialNorm", 0.1},
        {"weightDecay", 0.01},
        {"direction", "minimize"}}},
      {"adam", adam("adam", true)},
      {"adam", adam("adam", false)},
      {"adamW", adam("adamW", false)},
      {"ftrl",
       {{"kind", "ftrl"},
        {"learningRate", 0.1},
        {"beta", 1.0},
        {"initialAccumulator", 0.0},
        {"l1", 0.001},
        {"l2", 0.01},
        {"direction", "minimize"}}},
      {"proximalAdagrad",
       {{"kind", "proximalAdagrad"},
        {"learningRate", 0.1},
        {"initialAccumulator", 0.1},
        {"epsilon", 1e-10},
        {"l1", 0.001},
        {"l2", 0.01},
        {"direction", "minimize"}}},
      {"rmsprop",
       {{"kind", "rmsprop"},
        {"learningRate", 0.01},
        {"smoothing", 0.99},
        {"epsilon", 1e-8},
        {"momentum", 0.9},
        {"centered", true},
        {"weightDecay", 0.01},
        {"direction", "minimize"}}},
      {"rowwiseAdagrad",
       {{"kind", "rowwiseAdagrad"},
        {"learningRate", 0.1},
        {"initialAccumulator", 0.0},
        {"epsilon", 1e-8},
        {"weightDecay", 0.01},
        {"weightDecayMode", "coupled"},
        {"direction", "minimize"}}},
      {"sgd", sgd({})},
      {"sgd", sgd({.momentum = 0.9, .nesterov = true})},
      {"shampoo",
       {{"kind", "shampoo"},
        {"learningRate", 0.1},
        {"initialAccumulator", 0.0},
        {"epsilon", 1e-10},
        {"blockSize", 4.0},
        {"rootEvery", 2.0},
        {"weightDecay", 0.01},
        {"weightDecayMode", "decoupled"},
        {"direction", "minimize"}}},
  };
  return table;
}

// A parameter with its states, at their initial values.
struct Tensor {
  Tensor(const Optimizer& optimizer, const std::vector<float>& values)
      : weight(values, 1), specs(optimizer.states({static_cast<int64_t>(values.size())})) {
    for (const StateSpec& state : specs) {
      states.push_back(std::make_unique<GuardedBuffer>(
          std::vector<float>(static_cast<size_t>(state.shape.size()), state.initial), 2));
    }
  }

  // Elements [first, first + count), which for some are all of them. `product` makes the gradient, if it is given.
  GradientCheck update(const Optimizer& optimizer, const std::vector<float>& gradient, int64_t first, int64_t count,
                       uint64_t step, const DueProduct* product = nullptr) {
    std::vector<float*> pointers;
    for (const auto& state : states) pointers.push_back(state->data() + first);
    UpdateArguments args =
        update_of(optimizer, count, weight.data() + first, gradient.data() + first, pointers.data(), step);
    args.shape = {count};
    args.product = product;
    args.from_memory = step % 2 == 0;
    GradientCheck check = GradientCheck::kFinite;
    Team::run(1, [&](Team& team) {
      args.team = &team;
      check = optimizer.update(args);
    });
    return check;
  }

  GuardedBuffer weight;
  std::vector<StateSpec> specs;
  std::vector<std::unique_ptr<GuardedBuffer>> states;
};

}  // namespace

TEST_CASE("optimizers: beside the product that makes its gradient, an update gives the bits of the two in turn") {
  // Columns of one tile or several, or of none, on every target; the last are packed (packs_rows).
  struct Product {
    ProductShape shape;
    int64_t beside = 3;  // floats behind the rows of x
  };
  const std::vector<Product> products = {{{1, 64, 3}},           {{2, 64, 9}},
                                         {{3, 64, 1}},           {{7, 128, 32}},
                                         {{13, 64, 5}},          {{12, 192, 33}},
                                         {{25, 64, 70}},         {{9, 70, 8}},
                                         {{5, 10, 17}},          {{6, 16, 40}},
                                         {{8, 32, 24}},          {{6, 64, 1100}},
                                         {{20, 64, 97}},         {{27, 64, 97}},
                                         {{12, 128, 25}},        {{12, 64, 49}},
                                         {{14, 128, 130}},       {{6, 16, 200}, 512 - 6},
                                         {{9, 8, 300}, 512 - 9}, {{6, 16, 128}, 1024 - 6}};
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const auto& [kind, spec] : examples()) {
      const auto optimizer = make_optimizer(spec);
      if (optimizer->granularity() != Granularity::kElement) continue;
      CAPTURE(kind);
      RandomData random(419);
      for (const auto& [shape, beside_rows] : products) {
        CAPTURE(shape.rows);
        CAPTURE(shape.columns);
        const int64_t count = shape.rows * shape.columns;
        const int64_t stride = shape.rows + beside_rows;
        const std::vector<float> start = random.normal(count);
        Tensor apart(*optimizer, start);
        Tensor beside(*optimizer, start);
        for (uint64_t step = 1; step <= 3; ++step) {
          std::vector<float> x = random.normal(shape.depth * stride);
          const std::vector<float> dz = random.normal(shape.depth * shape.columns);
          if (step == 3) x[static_cast<size_t>(shape.rows - 1)] = std::numeric_limits<float>::quiet_NaN();
          std::vector<float> gradient(static_cast<size_t>(count));
          std::vector<float> room(static_cast<size_t>(count));
          const std::vector<ByteSpan> upcoming(2 * step - 2, std::as_bytes(std::span(start)));
          const DueProduct product{
              shape, {x.data(), stride, Transpose::kYes}, {dz.data(), shape.columns}, room.data(), upcoming};
          simd_gemm(shape, product.a, product.b, Accumulate::kOverwrite, gradient.data(), shape.columns);
          CHECK(apart.update(*optimizer, gradient, 0, count, step) ==
                beside.update(*optimizer, room, 0, count, step, &product));
          CHECK(difference_in_bits(beside.weight.span(), apart.weight.span()) == "");
          for (size_t i = 0; i < apart.states.size(); ++i) {
            CHECK(difference_in_bits(beside.states[i]->span(), apart.states[i]->span()) == "");
          }
        }
        CHECK(beside.weight.intact());
      }
    }
  });
}

TEST_CASE(
    "optimizers: rows of a table get the bits of an update each time they come, and the others stay as they were") {
  RandomData random(417);
  for (const auto& [kind, spec] : examples()) {
    const auto optimizer = make_optimizer(spec);
    if (optimizer->granularity() == Granularity::kParameter) continue;
    for_each_simd_target([&, &kind = kind](const std::string& target) {
      CAPTURE(kind);
      CAPTURE(target);
      for (const auto& [width, hogwild] : {std::pair{int64_t{1}, false},
                                           {2, false},
                                           {3, false},
                                           {7, false},
                                           {15, false},
                                           {16, false},
                                           {33, false},
                                           {1, true},
                                           {7, true},
                                           {33, true}}) {
        CAPTURE(width);
        CAPTURE(hogwild);
        constexpr int64_t kRows = 60;
        // Some come again; the second part ascends.
        std::vector<uint32_t> rows = {0, 3, 3, 4, 59, 17, 18, 3, 19};
        const auto cut = static_cast<int64_t>(rows.size());
        for (uint32_t row = 22; row < 55; ++row) rows.push_back(row);
        rows.insert(rows.end(), {58, 59});
        const auto touched = static_cast<int64_t>(rows.size());
        const bool by_row = optimizer->granularity() == Granularity::kRow;
        const int64_t state_width = by_row ? 1 : width;
        const std::vector<StateSpec> specs = optimizer->table_states(Shape{kRows, width});
        std::vector<float> table = random.normal(kRows * width);
        std::vector<std::vector<float>> states;
        for (const StateSpec& state : specs) {
          states.emplace_back(static_cast<size_t>(kRows * state_width), state.initial + 0.5F);
        }
        const std::vector<float> gradient = random.normal(touched * width);
        std::vector<float> expected = table;
        std::vector<std::vector<float>> expected_states = states;
        for (int64_t i = 0; i < touched; ++i) {
          std::vector<float*> pointers;
          for (auto& state : expected_states)
            pointers.push_back(state.data() + rows[static_cast<size_t>(i)] * state_width);
          UpdateArguments args = update_of(*optimizer, width, expected.data() + rows[static_cast<size_t>(i)] * width,
                                           gradient.data() + i * width, pointers.data(), 2);
          args.shape = {1, width};
          optimizer->update(args);
          optimizer->adopt(args);
        }
        // Rows with their states behind them, and some floats that nobody may touch.
        const auto state_count = static_cast<int64_t>(states.size());
        const int64_t stride = width + state_count * (state_width + 1) + 3;
        GuardedBuffer side_by_side(std::vector<float>(static_cast<size_t>(kRows * stride), 77));
        const auto place = [&](int64_t row, int64_t state) {
          return side_by_side.data() + row * stride + (state < 0 ? 0 : width + state * (state_width + 1) + 1);
        };
        for (int64_t r = 0; r < kRows; ++r) {
          std::copy_n(table.data() + r * width, width, place(r, -1));
          for (int64_t s = 0; s < state_count; ++s) {
            std::copy_n(states[static_cast<size_t>(s)].data() + r * state_width, state_width, place(r, s));
          }
        }
        GuardedBuffer room(std::vector<float>(static_cast<size_t>(width + state_count * state_width), 77));
        const auto update_in_two = [&](float* weights, float* const* pointers, int64_t distance) {
          for (const auto& [first, count] : {std::pair{int64_t{0}, cut}, {cut, touched - cut}}) {
            const GradientCheck check = optimizer->update_rows({.count = count,
                                                                .width = width,
                                                                .rows = rows.data() + first,
                                                                .coming = touched - first - count,
                                                                .table = weights,
                                                                .gradient = gradient.data() + first * width,
                                                                .states = pointers,
                                                                .stride = distance,
                                                                .state_count = states.size(),
                                                                .step = 2,
                                                                .learning_rate = optimizer->learning_rate(),
                                                                .weight_decay = optimizer->weight_decay(),
                                                                .hogwild_buffer = hogwild ? room.data() : nullptr,
                                                                .from_memory = first > 0});
            CHECK(check == GradientCheck::kFinite);
          }
        };
        std::vector<float*> pointers;
        for (auto& state : states) pointers.push_back(state.data());
        update_in_two(table.data(), pointers.data(), 0);
        CHECK(difference_in_bits(table, expected) == "");
        for (size_t s = 0; s < states.size(); ++s) CHECK(difference_in_bits(states[s], expected_states[s]) == "");

        for (int64_t s = 0; s < state_count; ++s) pointers[static_cast<size_t>(s)] = place(0, s);
        update_in_two(side_by_side.data(), pointers.data(), stride);
        float untouched = 0;
        for (int64_t r = 0; r < kRows; ++r) {
          std::copy_n(place(r, -1), width, table.data() + r * width);
          std::fill_n(place(r, -1), width, 77.0F);
          for (int64_t s = 0; s < state_count; ++s) {
            std::copy_n(place(r, s), state_width, states[static_cast<size_t>(s)].data() + r * state_width);
            std::fill_n(place(r, s), state_width, 77.0F);
          }
        }
        for (const float value : side_by_side.span()) untouched += value == 77.0F ? 1.0F : 0.0F;
        CHECK(untouched == static_cast<float>(kRows * stride));
        CHECK(side_by_side.intact());
        CHECK(room.intact());
        CHECK(difference_in_bits(table, expected) == "");
        for (size_t s = 0; s < states.size(); ++s) CHECK(difference_in_bits(states[s], expected_states[s]) == "");
      }
    });
  }
}

TEST_CASE("optimizers: every kind in the registry has an example, and the other way round") {
  std::vector<std::string> kinds;
  for (auto it = examples().begin(); it != examples().end(); it = examples().upper_bound(it->first)) {
    kinds.push_back(it->first);
  }
  CHECK(kinds == optimizer_kinds());
  CHECK(error_of([] {
          make_optimizer(Spec::Object{{"kind", "adamm"}});
        }) == "UNKNOWN_KIND: there is no optimizer of kind \"adamm\"");
}

TEST_CASE("optimizers: roots and divisions of an element, by hand from the rules") {
  // AdaGrad by norm and by row divide for many elements at once; sgd never.
  const std::map<std::string, int64_t> divisions = {
      {"adadelta", 3}, {"adagrad", 2}, {"adagradDualAveraging", 2}, {"adagradNorm", 0}, {"adam", 2},
      {"adamW", 2},    {"ftrl", 3},    {"proximalAdagrad", 3},      {"rmsprop", 2},     {"rowwiseAdagrad", 0},
      {"sgd", 0},      {"shampoo", 2}};
  for (const auto& [kind, spec] : examples()) {
    CAPTURE(kind);
    REQUIRE(divisions.contains(kind));
    CHECK(make_optimizer(spec)->divisions() == divisions.at(kind));
  }
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
    if (optimizer->granularity() == Granularity::kParameter) continue;
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
      Tensor tensor(*optimizer, {0, 0});
      tensor.update(*optimizer, {2, -3}, 0, 2, 1);
      const float sign = direction == std::string("minimize") ? 1.0F : -1.0F;
      CHECK(sign * tensor.weight.values()[0] < 0);
      CHECK(sign * tensor.weight.values()[1] > 0);
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
            if (kind == "adagradDualAveraging") continue;  // its weights do not depend on what they were
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

TEST_CASE("optimizers: the learning rate and decay that are given stand in for their own") {
  RandomData random(7);
  for (const auto& [kind, spec] : examples()) {
    CAPTURE(kind);
    const auto given = make_optimizer(spec);
    Spec::Object other = spec;
    other.insert_or_assign("learningRate", Spec(0.125));
    const bool decays = spec.contains("weightDecay");
    if (decays) other.insert_or_assign("weightDecay", Spec(0.25));
    const auto own = make_optimizer(other);
    const std::vector<float> start = random.normal(37);
    Tensor one(*given, start);
    Tensor two(*own, start);
    for (uint64_t step = 1; step <= 3; ++step) {
      const std::vector<float> gradient = random.normal(37);
      std::vector<float*> states;
      for (const auto& state : one.states) states.push_back(state->data());
      Team::run(1, [&](Team& team) {
        given->update({.count = 37,
                       .weight = one.weight.data(),
                       .gradient = gradient.data(),
                       .states = states.data(),
                       .step = step,
                       .learning_rate = 0.125,
                       .weight_decay = decays ? 0.25F : 0.0F,
                       .shape = {37},
                       .team = &team});
      });
      two.update(*own, gradient, 0, 37, step);
    }
    CHECK(difference_in_bits(one.weight.span(), two.weight.span()) == "");
  }
}
