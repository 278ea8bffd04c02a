// A training step allocates nothing, in our code and in BLAS. Threads: 1 and 2.
#include <doctest/doctest.h>

#include <vector>

#include "common/aligned_buffer.h"
#include "support/allocation_counter.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// Allocations of 50 steps behind ten that warm up.
int64_t allocations_of_steps(Learner& learner, const ArraySamples& samples, int threads) {
  TrainStep step(learner, 33, threads);
  ObjectiveTotals totals = learner.objective()->empty_totals(60 * step.batch());
  int64_t count = 0;
  Team::run(threads, [&](Team& team) {
    for (int i = 0; i < 10; ++i) step.run(team, samples, nullptr, 0, totals);
    const int64_t before = allocation_count();
    for (int i = 0; i < 50; ++i) step.run(team, samples, nullptr, i % 2 * 33, totals);
    count = allocation_count() - before;
  });
  return count;
}

}  // namespace

TEST_CASE("the counter of allocations counts") {
  const int64_t before = allocation_count();
  const std::vector<int> vector(100);
  CHECK(allocation_count() == before + 1);
  const AlignedBuffer buffer(100);
  CHECK(allocation_count() == before + 2);
}

TEST_CASE("a training step allocates nothing, for every policy and optimizer") {
  for (const auto& net : {mlp(), conv_net("blas"), conv_net("direct"), conv_net("winograd"), norm_net("direct")}) {
    for (const auto policy : {NonFinitePolicy::kStop, NonFinitePolicy::kSkip, NonFinitePolicy::kIgnore}) {
      for (const auto& optimizer : {adagrad({.weight_decay = 0.01}), sgd({.momentum = 0.9})}) {
        for (const int threads : {1, 2}) {
          CAPTURE(net.layers.size());
          CAPTURE(static_cast<int>(policy));
          CAPTURE(threads);
          LearnerOptions options = net;
          options.non_finite = policy;
          options.optimizer = optimizer;
          const auto learner = make_learner(options);
          const Samples samples = class_samples(66, options.input_shape, 10);
          CHECK(allocations_of_steps(*learner, samples.view(), threads) == 0);
        }
      }
    }
  }
}

// A set that no cache holds.
TEST_CASE("a training step allocates nothing where it loads stretches and prefetches those of the next samples") {
  const Samples samples = class_samples(1000, wide_mlp().input_shape, 10);
  for (const int threads : {1, 2}) {
    const auto learner = make_learner(wide_mlp());
    CHECK(allocations_of_steps(*learner, samples.view(), threads) == 0);
  }
}

TEST_CASE("a training step allocates nothing for metrics that keep samples or large totals") {
  LearnerOptions options = mlp();
  options.metrics = {Spec::Object{{"kind", "rocAuc"}, {"average", "macro"}},
                     Spec::Object{{"kind", "confusionMatrix"}, {"normalize", "none"}},
                     Spec::Object{{"kind", "f1"}, {"average", "macro"}, {"zeroDivision", 0}}};
  const auto learner = make_learner(options);
  const Samples samples = class_samples(66, options.input_shape, 10);
  CHECK(allocations_of_steps(*learner, samples.view(), 2) == 0);
}

namespace {

LearnerOptions hogwild_net(Spec::Object optimizer, const std::string& duplicates, int64_t units = 1) {
  optimizer["duplicates"] = duplicates;
  const Spec::Object bag = embedding_bag({.units = units});
  return {.input_shape = {200}, .layers = {bag, dense({.units = 10})}, .optimizer = optimizer};
}

}  // namespace

TEST_CASE("threads that race for rows have their room before the first step, and it is counted") {
  constexpr int64_t kSamples = 300;
  const SparseSamples lists = sparse_samples(kSamples, 200);
  const ArraySamples samples = lists.view();
  for (const auto& optimizer : {adagrad({}), rowwise_adagrad()}) {
    for (const int threads : {1, 2, 3}) {
      CAPTURE(threads);
      const auto learner = make_learner(hogwild_net(optimizer, "hogwild"));
      TrainStep step(*learner, kSamples, threads);
      step.reserve(samples);
      const auto in_turn = make_learner(hogwild_net(optimizer, "sequential"));
      TrainStep warming(*in_turn, kSamples, threads);
      ObjectiveTotals totals = learner->objective()->empty_totals(2 * kSamples);
      int64_t count = 0;
      Team::run(threads, [&](Team& team) {
        warming.run(team, samples, nullptr, 0, totals);
        const int64_t before = allocation_count();
        step.run(team, samples, nullptr, 0, totals);
        count = allocation_count() - before;
      });
      CHECK(count == 0);

      const auto bytes_of = [&](const std::string& duplicates, int64_t units) {
        const auto other = make_learner(hogwild_net(optimizer, duplicates, units));
        const MemoryTally tally;
        const TrainStep planned(*other, kSamples, threads);
        return tally.bytes();
      };
      // A float and its state, in a line of the cache; nobody races for rows of five.
      CHECK(bytes_of("hogwild", 1) - bytes_of("sequential", 1) == (threads == 1 ? 0 : threads * kCacheLine));
      CHECK(bytes_of("hogwild", 5) == bytes_of("sequential", 5));
    }
  }
}
