// Training of tables, of which a step touches some rows. Threads: 1, 2, 3 and 8.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "support/allocation_counter.h"
#include "support/compare.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

LearnerOptions bag_net(int64_t features, const std::string& pooling = "mean") {
  return {.input_shape = {features},
          .layers = {embedding_bag({.units = 33, .pooling = pooling}), dense({.units = 10})}};
}

LearnerOptions linear_net(int64_t features) {
  return {.input_shape = {features}, .layers = {sparse_dense({.units = 10})}};
}

// A table of one float a row, whose gradients are summed without a sort.
LearnerOptions narrow_net(int64_t features) {
  return {.input_shape = {features}, .layers = {sparse_dense({.units = 1}), dense({.units = 10})}};
}

std::vector<float> table_of(Learner& learner) {
  const auto& parameter = learner.network().architecture().parameters().front();
  const float* from = learner.network().weights() + parameter.offset;
  return {from, from + parameter.shape.size()};
}

}  // namespace

TEST_CASE("tables: a sparse layer learns what the dense one learns, from the same start") {
  const SparseSamples samples = sparse_samples(99, 300);
  const auto sparse = make_learner(linear_net(300));
  const auto plain = make_learner({.input_shape = {300}, .layers = {dense({.units = 10, .name = "sparseDense_1"})}});
  const auto exported = [](Learner& learner) {
    std::vector<float> values(3000);
    learner.network().architecture().export_parameter(0, learner.network().weights(), values.data());
    return values;
  };
  CHECK(difference_in_bits(exported(*sparse), exported(*plain)) == "");
  run_steps(*sparse, samples.view(), 33, 20, 2);
  run_steps(*plain, samples.view(), 33, 20, 2);
  CHECK(scaled_error(exported(*sparse), to_double(exported(*plain))) <= 1e-4);
}

TEST_CASE("tables: equal bits at 1, 2, 3 and 8 threads, and rows that no sample names stay as they were") {
  const SparseSamples samples = sparse_samples(330, 100'000);
  const std::set<uint32_t> named(samples.indices.begin(), samples.indices.end());
  for (const auto& net :
       {bag_net(100'000), bag_net(100'000, "max"), bag_net(100'000, "sum"), linear_net(100'000), narrow_net(100'000)}) {
    const auto before = make_learner(net);
    const std::vector<float> start = table_of(*before);
    run_steps(*before, samples.view(), 33, 20, 1);
    const std::vector<float> expected = state_of(*before);
    const std::vector<float> table = table_of(*before);
    const auto width = static_cast<size_t>(before->network().architecture().parameters().front().row_width);
    std::set<uint32_t> moved;
    for (size_t row = 0; row < 100'000; ++row) {
      const auto begin = static_cast<int64_t>(row * width);
      const auto end = begin + static_cast<int64_t>(width);
      if (!std::equal(start.begin() + begin, start.begin() + end, table.begin() + begin)) {
        moved.insert(static_cast<uint32_t>(row));
      }
    }
    CHECK(std::includes(named.begin(), named.end(), moved.begin(), moved.end()));
    CHECK(moved.size() > named.size() / 2);
    for (const int threads : {2, 3, 8}) {
      CAPTURE(threads);
      const auto learner = make_learner(net);
      run_steps(*learner, samples.view(), 33, 20, threads);
      CHECK(difference_in_bits(state_of(*learner), expected) == "");
    }
  }
}

TEST_CASE("tables: one accumulator a row, beside what needs all gradients, with equal bits at 1 and 3 threads") {
  const SparseSamples samples = sparse_samples(99, 5000);
  for (LearnerOptions net : {bag_net(5000), linear_net(5000)}) {
    net.optimizer = rowwise_adagrad();
    const auto learner = make_learner(net);
    const auto& table = learner->network().architecture().parameters().front();
    CHECK(learner->states(0).front().shape == Shape{5000});
    CHECK(learner->network().architecture().gradients_size() < table.shape.size());
    const std::vector<float> start = table_of(*learner);
    run_steps(*learner, samples.view(), 33, 6, 1);
    const std::vector<float> trained = table_of(*learner);
    CHECK(trained != start);
    const std::set<uint32_t> named(samples.indices.begin(), samples.indices.end());
    for (int64_t row = 0; row < 5000; ++row) {
      const bool moved = learner->state(0, 0)[row] != 0;
      if (named.count(static_cast<uint32_t>(row)) == 0) CHECK_FALSE(moved);
    }
    const auto again = make_learner(net);
    run_steps(*again, samples.view(), 33, 6, 3);
    CHECK(difference_in_bits(table_of(*again), trained) == "");
  }
}

TEST_CASE("tables: a training step allocates nothing") {
  const SparseSamples samples = sparse_samples(66, 5000);
  LearnerOptions sequential = bag_net(5000);
  sequential.optimizer = adagrad({});
  sequential.optimizer["duplicates"] = "sequential";
  const LearnerOptions halves{.input_shape = {5000},
                              .layers = {in_bfloat16(embedding_bag({.units = 33})), dense({.units = 10})}};
  for (const auto& net :
       {bag_net(5000), bag_net(5000, "max"), linear_net(5000), narrow_net(5000), sequential, halves}) {
    for (const int threads : {1, 2}) {
      const auto learner = make_learner(net);
      const ArraySamples view = samples.view();
      TrainStep step(*learner, 33, threads);
      step.reserve(view);
      ObjectiveTotals totals = learner->objective()->empty_totals(20 * step.batch());
      Team::run(threads, [&](Team& team) {
        step.run(team, view, nullptr, 0, totals);
        const int64_t before = allocation_count();
        for (int i = 0; i < 10; ++i) step.run(team, view, nullptr, i % 2 * 33, totals);
        CHECK(allocation_count() == before);
      });
    }
  }
}

TEST_CASE("tables: optimizers that move every weight in every step are refused") {
  const auto refused = [](const Spec::Object& optimizer, NonFinitePolicy policy = NonFinitePolicy::kStop) {
    LearnerOptions options = bag_net(50);
    options.optimizer = optimizer;
    options.non_finite = policy;
    return error_of([&] { make_learner(options); });
  };
  CHECK(refused(adagrad({})) == "");
  CHECK(refused(sgd({})) == "");
  CHECK(refused(sgd({.momentum = 0.9})) ==
        "INVALID_OPTION: the optimizer sgd cannot train the table \"embeddingBag_1.weight\", of which a step touches a "
        "few rows: momentum moves all of them in every step; leave it out");
  CHECK(contains(refused(adagrad({.weight_decay = 0.1})), "weightDecay pulls at all of them in every step"));
  // A frozen table is no concern of the optimizer's.
  CHECK(error_of([] {
          make_learner({.input_shape = {50},
                        .layers = {frozen(embedding_bag({.units = 3})), dense({.units = 10})},
                        .optimizer = sgd({.momentum = 0.9})});
        }) == "");
}

TEST_CASE("tables: a value that is not finite is reported before anything has changed") {
  SparseSamples samples = sparse_samples(33, 50);
  samples.values[3] = std::numeric_limits<float>::infinity();
  const auto learner = make_learner(bag_net(50));
  const std::vector<float> before = state_of(*learner);
  CHECK(contains(error_of([&] { run_steps(*learner, samples.view(), 33, 1, 1); }),
                 "an input sample is not finite; check the dataset"));
  CHECK(difference_in_bits(state_of(*learner), before) == "");
}

TEST_CASE("architectures: ids and sparse samples are a model's own input, read in one form") {
  const auto error = [](const Spec::List& layers) { return error_of([&] { Architecture({20}, layers); }); };
  CHECK(error({dense({.units = 5}), sparse_dense({.units = 2})}) ==
        "INVALID_SPEC: layer \"sparseDense_1\" reads ids or sparse samples, which only the model's input can be, not "
        "layer \"dense_1\"");
  Spec::Object beside = dense({.units = 2, .name = "wide"});
  beside["inputs"] = Spec::List{"@input"};
  Spec::Object both = plain_layer("add");
  both["inputs"] = Spec::List{"sparseDense_1", "wide"};
  CHECK(
      error({sparse_dense({.units = 2}), beside, both}) ==
      "INVALID_SPEC: layer \"wide\" reads the model's input in another form than the layers before it: floats, ids and "
      "sparse samples do not mix");
  Spec::Object bag = embedding_bag({.units = 2});
  bag["inputs"] = Spec::List{"@input"};
  both["inputs"] = Spec::List{"sparseDense_1", "embeddingBag_1"};
  CHECK(error({sparse_dense({.units = 2}), bag, both}) == "");
}

TEST_CASE("samples: ids and features are checked against the tables, by sample and place") {
  std::vector<int32_t> ids = {0, 4, 9, 3, 2, 10};
  ArrayDescription description;
  description.inputs = {.type = InputArray::Type::kInt32, .data = ids.data(), .length = 6};
  description.count = 3;
  description.scale.assign(1, 1.0F);
  description.shift.assign(1, 0.0F);
  const ArraySamples samples(description, {2});
  CHECK(error_of([&] { samples.check_inputs(InputForm::kIds, 11); }) == "");
  CHECK(error_of([&] { samples.check_inputs(InputForm::kIds, 10); }) ==
        "ID_OUT_OF_RANGE: sample 2 has the id 10 at place 1, but the model's table has 10 rows: 0 to 9");
  CHECK(contains(error_of([&] { samples.check_inputs(InputForm::kSparse, 10); }), "INVALID_DATA: the model's first"));
  const uint32_t second = 1;
  description.indices = &second;
  description.count = 1;
  CHECK(error_of([&] { ArraySamples(description, {2}).check_inputs(InputForm::kIds, 10); }) == "");

  const uint32_t order[] = {2, 0, 1};
  SparseBatch batch;
  const auto gather = [&](const uint32_t* given, int64_t first, int64_t limit) {
    return error_of(
        [&] { Team::run(2, [&](Team& team) { samples.gather_ids(team, given, first, 2, limit, batch); }); });
  };
  CHECK(gather(order, 0, 11) == "");
  CHECK(batch.input().rows.indices == batch.indices());  // a copy, as borrowed ids may change at any time
  CHECK(std::equal(batch.indices(), batch.indices() + 4, std::vector<uint32_t>{2, 10, 0, 4}.begin()));
  CHECK(gather(order, 1, 10) == "");
  CHECK(gather(nullptr, 0, 10) == "");
  CHECK(batch.input().rows.indices == batch.indices());
  CHECK(std::equal(batch.indices(), batch.indices() + 4, std::vector<uint32_t>{0, 4, 9, 3}.begin()));
  CHECK(gather(order, 0, 10) ==
        "ID_OUT_OF_RANGE: sample 2 has the id 10 at place 1, but the model's table has 10 rows: 0 to 9");
  ids[3] = -1;
  CHECK(gather(nullptr, 0, int64_t{1} << 40) ==
        "ID_OUT_OF_RANGE: sample 1 has the id -1 at place 1, but the model's table has 1099511627776 rows: 0 to "
        "1099511627775");

  SparseSamples sparse = sparse_samples(5, 50);
  sparse.indices.back() = 50;
  CHECK(contains(error_of([&] { sparse.view(); }), "names feature 50, but samples have the shape [50]"));
}
