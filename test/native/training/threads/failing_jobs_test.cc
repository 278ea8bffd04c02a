// A step whose second thread gets no memory for what it makes in its first job: OUT_OF_MEMORY, nothing leaks, and the
// team goes on. Threads: 2.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "common/parallel.h"
#include "datasets/mapped_rows.h"
#include "support/failing_new.h"
#include "support/specs.h"
#include "support/temporary_folder.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kBatch = 64;
constexpr int kFailures = 10;

struct FirstStep {
  LearnerOptions net;
  const ArraySamples& samples;
  Augmentation augmentation = {};
};

std::vector<float> step_by(Team& team, Learner& learner, const FirstStep& first) {
  TrainStep step(learner, kBatch, 2);
  step.augment(first.augmentation);
  ObjectiveTotals totals = learner.objective()->empty_totals();
  step.run(team, first.samples, nullptr, 0, totals);
  return state_of(learner);
}

// Both threads are awake, so that each is likely to take its share of the next round.
void meet(Team& team) {
  std::atomic<int> here{0};
  team.for_each(team.size(), [&](int64_t, int) {
    here.fetch_add(1);
    while (here.load() < team.size()) std::this_thread::yield();
  });
}

struct Counts {
  int failures = 0;
  int other_outcomes = 0;
  int counted_steps = 0;
  int torn = 0;   // floats that are neither those before the step nor those behind it
  int moved = 0;  // failures that left any float in another state than before
  int different = 0;
};

// Runs the step on new threads until the second one has failed some times in it; from the start again behind each.
Counts fail_second_threads(const FirstStep& first) {
  Counts counts;
  const std::vector<float> before = state_of(*make_learner(first.net));
  std::vector<float> behind;
  StandingTeam(2).run([&](Team& team) { behind = step_by(team, *make_learner(first.net), first); });
  for (int attempt = 0; attempt < 5000 && counts.failures < kFailures; ++attempt) {
    const auto learner = make_learner(first.net);
    TrainStep step(*learner, kBatch, 2);
    step.augment(first.augmentation);
    step.reserve(first.samples);
    ObjectiveTotals totals = learner->objective()->empty_totals();
    StandingTeam standing(2);
    standing.run([&](Team& team) {
      meet(team);
      const auto run = [&] { step.run(team, first.samples, nullptr, 0, totals); };
      Outcome outcome = Outcome::kDone;
      bool failed = false;
      {
        const FailingNew no_memory(1, Failing::kAllBehind);
        outcome = outcome_of(run);
        failed = no_memory.has_failed_elsewhere();
      }
      if (!failed) return;
      ++counts.failures;
      counts.other_outcomes += outcome == Outcome::kOutOfMemory ? 0 : 1;
      counts.counted_steps += learner->steps == 0 ? 0 : 1;
      const std::vector<float> left = state_of(*learner);
      for (size_t i = 0; i < left.size(); ++i) counts.torn += left[i] == before[i] || left[i] == behind[i] ? 0 : 1;
      counts.moved += left == before ? 0 : 1;
      counts.different += step_by(team, *make_learner(first.net), first) == behind ? 0 : 1;
    });
  }
  return counts;
}

// Of a thread of its own, with which what it keeps goes too; once before without, for what is kept for good.
Counts counts_of(const FirstStep& first) {
  Counts counts;
  Team::run(1, [&](Team& team) { step_by(team, *make_learner(first.net), first); });
  const int64_t live = live_allocations();
  const int64_t bytes = AlignedBuffer::allocated_bytes();
  std::thread([&] { counts = fail_second_threads(first); }).join();
  CHECK(live_allocations() == live);
  CHECK(AlignedBuffer::allocated_bytes() == bytes);
  CHECK(counts.failures == kFailures);
  CHECK(counts.other_outcomes == 0);
  CHECK(counts.counted_steps == 0);
  CHECK(counts.torn == 0);
  CHECK(counts.different == 0);
  return counts;
}

// Each parameter's weights and states.
std::vector<std::vector<float>> by_parameter(Learner& learner) {
  std::vector<std::vector<float>> all;
  const Architecture& architecture = learner.network().architecture();
  const float* weights = learner.network().weights();
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    const bool last = p + 1 == architecture.parameters().size();
    const int64_t end = last ? architecture.weights_size() : architecture.parameters()[p + 1].offset;
    std::vector<float>& values = all.emplace_back(weights + architecture.parameters()[p].offset, weights + end);
    const int parameter = static_cast<int>(p);
    for (size_t s = 0; s < learner.states(parameter).size(); ++s) {
      const float* state = learner.state(parameter, s);
      values.insert(values.end(), state, state + learner.states(parameter)[s].shape.size());
    }
  }
  return all;
}

}  // namespace

TEST_CASE("no memory in a job: changes of mapped images, of which the step leaves nothing") {
  const Shape shape{16, 16, 3};
  const Samples images = class_samples(kBatch, shape, 3);
  const TemporaryFolder folder;
  const auto bytes = static_cast<int64_t>(images.inputs.size() * sizeof(float));
  folder.write("rows", {reinterpret_cast<const char*>(images.inputs.data()), static_cast<size_t>(bytes)});
  const RowFormat format{.type = RowFormat::Type::kFloat32, .size = shape.size(), .stride = bytes / kBatch};
  const MappedRows rows(format, {{folder.path() + "/rows", bytes, 0, kBatch}}, MappedRows::Room::kEnough);
  ArrayDescription description;
  description.inputs = {.type = InputArray::Type::kMapped, .length = kBatch * shape.size(), .mapped = &rows};
  description.labels = {LabelArray::Type::kInt32, images.classes.data(), kBatch, 1};
  description.count = kBatch;
  description.scale.assign(1, 1.0F);
  description.shift.assign(1, 0.0F);
  const ArraySamples samples(description, shape);
  const Counts counts = counts_of({{.input_shape = shape, .layers = {plain_layer("flatten"), dense({.units = 3})}},
                                   samples,
                                   {.flips_horizontally = true, .shift = 2}});
  CHECK(counts.moved == 0);
}

TEST_CASE("no memory for Shampoo's scratch: parameters are updated as a whole or not at all, with their states") {
  const Samples vectors = class_samples(kBatch, {33}, 3);
  const ArraySamples samples = vectors.view();
  const FirstStep first{
      {.input_shape = {33},
       .layers = {dense({.units = 9}), dense({.units = 40, .name = "dense_2"}), dense({.units = 3, .name = "dense_3"})},
       .optimizer = {{"kind", "shampoo"},
                     {"learningRate", 0.05},
                     {"initialAccumulator", 0.0},
                     {"epsilon", 1e-10},
                     {"blockSize", 16.0},
                     {"rootEvery", 1.0},
                     {"weightDecay", 0.0},
                     {"weightDecayMode", "coupled"},
                     {"direction", "minimize"}}},
      samples};
  const auto before = by_parameter(*make_learner(first.net));
  const auto learner = make_learner(first.net);
  Team::run(2, [&](Team& team) { step_by(team, *learner, first); });
  const auto behind = by_parameter(*learner);
  int failures = 0;
  int wrong = 0;
  bool failed = true;
  const int64_t live = live_allocations();
  for (int64_t nth = 1; failed; ++nth) {
    // A thread of its own, as one keeps its scratch.
    std::thread([&] {
      const auto again = make_learner(first.net);
      TrainStep step(*again, kBatch, 2);
      ObjectiveTotals totals = again->objective()->empty_totals();
      StandingTeam(2).run([&](Team& team) {
        const auto run = [&] { step.run(team, samples, nullptr, 0, totals); };
        Outcome outcome = Outcome::kDone;
        {
          const FailingNew no_memory(nth, Failing::kOne);
          outcome = outcome_of(run);
          failed = no_memory.has_failed();
        }
        const auto left = by_parameter(*again);
        for (size_t p = 0; p < left.size(); ++p) wrong += left[p] == before[p] || left[p] == behind[p] ? 0 : 1;
        failures += failed ? 1 : 0;
        wrong += outcome == (failed ? Outcome::kOutOfMemory : Outcome::kDone) ? 0 : 1;
        wrong += again->steps == (failed ? 0 : 1) ? 0 : 1;
        wrong += failed || left == behind ? 0 : 1;
      });
    }).join();
  }
  CHECK(live_allocations() == live);
  CHECK(failures > 10);
  CHECK(wrong == 0);
}
