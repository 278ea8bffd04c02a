// Tables of bfloat16 in training, beside the same nets with tables of floats. Threads: 1, 2 and 3.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/embedding/table_elements.h"
#include "support/compare.h"
#include "support/graph_samples.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/inference/differentiate.h"
#include "training/run/snapshot.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kFeatures = 200;
constexpr int64_t kBatch = 33;

// The table is the first parameter.
LearnerOptions net_of(const Spec::Object& layer, const Spec::Object& optimizer = {}) {
  return {.input_shape = {kFeatures}, .layers = {layer, dense({.units = 10})}, .optimizer = optimizer};
}

std::vector<Spec::Object> layers_of(int64_t units) {
  return {embedding_bag({.units = units}), embedding_bag({.units = units, .pooling = "max"}),
          sparse_dense({.units = units, .activation = "tanh"})};
}

std::vector<float> values_of(const Network& network, int parameter) {
  const auto& of = network.architecture().parameters()[static_cast<size_t>(parameter)];
  std::vector<float> values(static_cast<size_t>(of.shape.size()));
  network.architecture().export_parameter(parameter, network.weights(), values.data());
  return values;
}

// Widened where they are halves; in the order of rows.
std::vector<float> table_of(const Learner& learner) {
  const auto& table = learner.network().architecture().parameters().front();
  std::vector<float> values;
  const TableElements stored(table.element, learner.network().weights() + table.offset, table.shape.size());
  stored.visit([&](const auto* elements) {
    for (int64_t i = 0; i < table.shape.size(); ++i) values.push_back(widen(elements[i]));
  });
  return values;
}

void copy_weights(const Learner& from, Learner& to) {
  const Architecture& architecture = to.network().architecture();
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    const int parameter = static_cast<int>(p);
    architecture.import_parameter(parameter, values_of(from.network(), parameter).data(), to.network().weights());
  }
}

std::vector<float> states_of(Learner& learner) {
  const std::vector<float> all = state_of(learner);
  return {all.begin() + learner.network().architecture().weights_size(), all.end()};
}

// A run of single steps, from the learner's step on.
class Steps {
 public:
  Steps(Learner& learner, const ArraySamples& samples, int threads)
      : learner_(learner), samples_(samples), threads_(threads), step_(learner, kBatch, threads) {}

  void run(int64_t batch) {
    ObjectiveTotals totals = learner_.objective()->empty_totals();
    Team::run(threads_, [&](Team& team) { step_.run(team, samples_, nullptr, batch % 3 * kBatch, totals); });
  }

 private:
  Learner& learner_;
  const ArraySamples& samples_;
  int threads_;
  TrainStep step_;
};

}  // namespace

TEST_CASE("bfloat16 tables: each step makes of a weight what it makes of the float, rounded to a neighbour") {
  const SparseSamples samples = sparse_samples(3 * kBatch, kFeatures);
  const ArraySamples view = samples.view();
  for (const int64_t units : {1, 7, 100, 385}) {
    CAPTURE(units);
    for (const Spec::Object& optimizer :
         {adagrad({}), rowwise_adagrad(), sgd({.learning_rate = 0.1}), penalized("ftrl")}) {
      CAPTURE(Spec(optimizer).string("kind"));
      for (const Spec::Object& layer : layers_of(units)) {
        const auto halves = make_learner(net_of(in_bfloat16(layer), optimizer));
        const auto floats = make_learner(net_of(layer, optimizer));
        Steps of_halves(*halves, view, 2);
        Steps of_floats(*floats, view, 1);
        const auto width = halves->network().architecture().parameters().front().row_width;
        int64_t moved = 0;
        int64_t wrong = 0;
        for (int step = 0; step < 5; ++step) {
          copy_weights(*halves, *floats);
          const std::vector<float> before = table_of(*halves);
          of_halves.run(step);
          of_floats.run(step);
          // So forward and the gradients were equal in bits, too.
          CHECK(difference_in_bits(states_of(*halves), states_of(*floats)) == "");
          CHECK(difference_in_bits(values_of(halves->network(), 1), values_of(floats->network(), 1)) == "");
          const RandomStream random(halves->seed(), RandomPurpose::kRounding, 0, static_cast<uint64_t>(step) + 1);
          const std::vector<float> exact = table_of(*floats);
          const std::vector<float> actual = table_of(*halves);
          for (int64_t i = 0; i < static_cast<int64_t>(actual.size()); ++i) {
            const auto at = static_cast<size_t>(i);
            const int64_t row = i / width;
            const int64_t d = i % width;
            const PhiloxBlock block = random.block(static_cast<uint64_t>(row * ((width + 7) / 8) + d / 8));
            const uint32_t word = block[static_cast<size_t>(d % 8 / 2)];
            const auto half = static_cast<uint16_t>(d % 2 == 0 ? word : word >> 16);
            wrong += actual[at] == widen(round_stochastically(exact[at], half)) ? 0 : 1;
            moved += actual[at] == before[at] ? 0 : 1;
          }
        }
        CHECK(wrong == 0);
        CHECK(moved > units);
      }
    }
  }
}

TEST_CASE("bfloat16 tables: steps far below a weight's last bit add up in the mean") {
  const SparseSamples samples = sparse_samples(3 * kBatch, kFeatures);
  const ArraySamples view = samples.view();
  constexpr int kSeeds = 300;
  LearnerOptions options = net_of(in_bfloat16(embedding_bag({.units = 7})), sgd({.learning_rate = 0.002}));
  options.layers[1] = frozen(dense({.units = 10}));
  LearnerOptions exact_options = options;
  exact_options.layers[0] = embedding_bag({.units = 7});
  const auto start = make_learner(options);
  const auto exact = make_learner(exact_options);
  copy_weights(*start, *exact);
  const std::vector<float> before = table_of(*exact);
  Steps(*exact, view, 1).run(0);
  const std::vector<float> after = table_of(*exact);
  std::vector<double> mean(after.size());
  for (int seed = 0; seed < kSeeds; ++seed) {
    options.seed = static_cast<uint64_t>(seed) + 10;
    const auto learner = make_learner(options);
    copy_weights(*start, *learner);
    Steps(*learner, view, 1).run(0);
    const std::vector<float> table = table_of(*learner);
    for (size_t i = 0; i < table.size(); ++i) mean[i] += table[i] / double{kSeeds};
  }
  // The distance that the mean of all weights went, in that of the floats; one weight's would be lost in the noise.
  double along = 0;
  double square = 0;
  double deviation = 0;
  int64_t moved = 0;
  int64_t lost = 0;  // of those, when rounded to nearest
  for (size_t i = 0; i < after.size(); ++i) {
    const double step = double{after[i]} - before[i];
    along += (mean[i] - before[i]) * step;
    square += step * step;
    // At most half a unit in the last place, for a mean of kSeeds.
    const double unit = after[i] == 0 ? 0 : std::ldexp(1.0, std::ilogb(after[i]) - 7);
    deviation += step * step * unit * unit / 4 / kSeeds;
    moved += step == 0 ? 0 : 1;
    lost += step != 0 && widen(round_to_nearest(after[i])) == before[i] ? 1 : 0;
  }
  CHECK(lost > moved / 2);
  const double bound = 5 * std::sqrt(deviation) / square;
  CHECK(bound < 0.5);
  CHECK(std::abs(along / square - 1) < bound);
}

TEST_CASE("bfloat16 tables: equal bits at 1, 2 and 3 threads, and of a run that was taken up again") {
  const SparseSamples samples = sparse_samples(3 * kBatch, kFeatures);
  const ArraySamples view = samples.view();
  for (const Spec::Object& layer : layers_of(33)) {
    const LearnerOptions net = net_of(in_bfloat16(layer));
    const auto whole = make_learner(net);
    run_steps(*whole, view, kBatch, 9, 1);
    for (const int threads : {2, 3}) {
      const auto learner = make_learner(net);
      run_steps(*learner, view, kBatch, 9, threads);
      CHECK(difference_in_bits(state_of(*learner), state_of(*whole)) == "");
    }

    const auto first = make_learner(net);
    run_steps(*first, view, kBatch, 3, 2);
    TensorCopies copies(first->network().architecture());
    const auto weights = copies.add_weights(first->network().weights());
    const auto states = copies.add_states(*first);
    Team::run(2, [&](Team& team) { copies.make(team); });
    const auto second = make_learner(net);
    const Architecture& architecture = second->network().architecture();
    size_t state = 0;
    for (size_t p = 0; p < weights.size(); ++p) {
      const int parameter = static_cast<int>(p);
      architecture.import_parameter(parameter, weights[p].values->data(), second->network().weights());
      for (size_t s = 0; s < second->states(parameter).size(); ++s, ++state) {
        architecture.from_file_layout(parameter, states[state].values->data(), second->state(parameter, s));
      }
    }
    second->steps = first->steps;
    CHECK(difference_in_bits(state_of(*second), state_of(*first)) == "");
    run_steps(*second, view, kBatch, 6, 1);
    CHECK(difference_in_bits(state_of(*second), state_of(*whole)) == "");
  }
}

TEST_CASE("bfloat16 tables: the table takes half the memory, and the optimizer what it took") {
  const auto bytes_of_learner = [](const Spec::Object& layer, const Spec::Object& optimizer) {
    const int64_t before = AlignedBuffer::allocated_bytes();
    const auto learner = make_learner({.input_shape = {100'001}, .layers = {layer}, .optimizer = optimizer});
    return AlignedBuffer::allocated_bytes() - before;
  };
  for (const Spec::Object& layer : {embedding_bag({.units = 10}), sparse_dense({.units = 10})}) {
    const auto saved = [&](const Spec::Object& optimizer) {
      return bytes_of_learner(layer, optimizer) - bytes_of_learner(in_bfloat16(layer), optimizer);
    };
    constexpr int64_t kWeights = 100'001 * 10;
    CHECK(saved(sgd({})) / 64 == kWeights * 2 / 64);
    CHECK(saved(adagrad({})) == saved(sgd({})));
    CHECK(bytes_of_learner(in_bfloat16(layer), sgd({})) < kWeights * 2 + 256);
  }
}

TEST_CASE("bfloat16 tables: several layers read one, whose gradients are summed before it is rounded once") {
  RandomData random(5);
  GraphSamples samples{.count = 66, .target_size = 6};
  samples.columns.push_back(id_column("item", 2, 50, 66, random));
  samples.columns.push_back(id_column("history", 3, 50, 66, random));
  samples.targets = random.normal(66 * 6);
  const auto net = [&](bool halves) {
    Spec::Object table = embedding_bag({.units = 6, .rows = 50, .name = "items"});
    if (halves) table = in_bfloat16(table);
    Spec::Object again = table;
    table["inputs"] = Spec::List{"@item"};
    again["name"] = "items:2";
    again["shares"] = "items";
    again["inputs"] = Spec::List{"@history"};
    Spec::Object sum = plain_layer("add");
    sum["inputs"] = Spec::List{"items", "items:2"};
    return make_learner(
        {.input_shape = {}, .layers = {table, again, sum}, .loss = "meanSquaredError", .inputs = samples.inputs()});
  };
  const auto halves = net(true);
  const auto floats = net(false);
  const ArraySamples view = samples.view();
  const auto once = net(true);
  run_steps(*once, view, kBatch, 4, 3);
  Steps of_halves(*halves, view, 1);
  Steps of_floats(*floats, view, 1);
  for (int step = 0; step < 4; ++step) {
    copy_weights(*halves, *floats);
    of_halves.run(step % 2);
    of_floats.run(step % 2);
    CHECK(difference_in_bits(states_of(*halves), states_of(*floats)) == "");
    const std::vector<float> exact = table_of(*floats);
    const std::vector<float> actual = table_of(*halves);
    int64_t neighbours = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      const float down = widen(round_stochastically(exact[i], 0));
      const float up = widen(round_stochastically(exact[i], 0xFFFF));
      neighbours += actual[i] == down || actual[i] == up ? 1 : 0;
    }
    CHECK(neighbours == 300);
  }
  CHECK(difference_in_bits(state_of(*once), state_of(*halves)) == "");
}

TEST_CASE("bfloat16 tables: gradients of outputs are those of the floats") {
  const SparseSamples samples = sparse_samples(kBatch, kFeatures);
  const ArraySamples view = samples.view();
  RandomData random(6);
  const std::vector<float> dy = random.normal(kBatch * 10);
  for (const Spec::Object& layer : layers_of(7)) {
    const auto halves = make_learner(net_of(in_bfloat16(layer)));
    const auto floats = make_learner(net_of(layer));
    copy_weights(*halves, *floats);
    const Differentiation actual = differentiate(halves->network(), view, dy.data(), 2, {0, 0});
    const Differentiation expected = differentiate(floats->network(), view, dy.data(), 1, {0, 0});
    CHECK(difference_in_bits(actual.output, expected.output) == "");
    REQUIRE(actual.parameter_gradients.size() == expected.parameter_gradients.size());
    for (size_t p = 0; p < expected.parameter_gradients.size(); ++p) {
      CHECK(difference_in_bits(actual.parameter_gradients[p], expected.parameter_gradients[p]) == "");
    }
    CHECK(difference_in_bits(actual.input_gradients[0], expected.input_gradients[0]) == "");
  }
}

TEST_CASE("bfloat16 tables: what cannot round a row once a step is refused") {
  const auto refused = [](const Spec::Object& layer, Spec::Object optimizer, const std::string& duplicates = "") {
    if (!duplicates.empty()) optimizer["duplicates"] = duplicates;
    return error_of([&] { make_learner(net_of(layer, optimizer)); });
  };
  const Spec::Object bag = in_bfloat16(embedding_bag({.units = 3}));
  CHECK(refused(bag, adagrad({})) == "");
  CHECK(refused(bag, penalized("proximalAdagrad")) ==
        "INVALID_OPTION: the optimizer proximalAdagrad cannot train the table \"embeddingBag_1.weight\" of bfloat16: "
        "it moves rows "
        "that a step does not touch, which would be rounded without end; give the layer dtype: 'float32'");
  for (const char* duplicates : {"sequential", "hogwild"}) {
    CHECK(refused(bag, adagrad({}), duplicates) ==
          "INVALID_OPTION: the optimizer adagrad cannot train the table \"embeddingBag_1.weight\" of bfloat16: a row "
          "that a batch names several times would be rounded by the same random numbers each time; leave the option "
          "duplicates out, or give the layer dtype: 'float32'");
  }
  CHECK(contains(refused(bag, sgd({.momentum = 0.9})), "momentum moves all of them in every step"));
  // A frozen table is only read.
  CHECK(refused(frozen(bag), penalized("proximalAdagrad")) == "");
  Spec::Object odd = bag;
  odd["dtype"] = "float16";
  CHECK(refused(odd, adagrad({})) == "INVALID_SPEC: embeddingBag \"embeddingBag_1\": dtype \"float16\" does not exist");
}
