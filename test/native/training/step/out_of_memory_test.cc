// Each allocation in turn fails, alone and together with all behind it: OUT_OF_MEMORY, nothing leaks, and what was
// there before works as if nothing had been. Threads: 1 and 2.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/aligned_buffer.h"
#include "datasets/mapped_rows.h"
#include "support/failing_new.h"
#include "support/graph_samples.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/temporary_folder.h"
#include "support/training.h"
#include "training/inference/differentiate.h"
#include "training/inference/evaluation.h"
#include "training/inference/input_gradient.h"
#include "training/inference/predict.h"
#include "training/step/single_steps.h"
#include "training/threads/job.h"
#include "training/word_vectors/cooccurrence.h"
#include "training/word_vectors/glove.h"
#include "training/word_vectors/negative_sampling.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kNever{false};

// Asks for all that an observer may ask for, and drops what it is given.
class AskingObserver final : public RunObserver {
 public:
  void on_progress(const ProgressReport& /*report*/) override {}
  void on_epoch(const EpochReport& /*report*/) override {}
  RunRequests at_boundary() override { return {.snapshot = boundaries_++ == 1, .keep_weights = boundaries_ == 2}; }

 private:
  int boundaries_ = 0;
};

constexpr int64_t kBatch = 12;

// Small, so that a run of two epochs takes a millisecond.
struct Case {
  LearnerOptions net;
  std::function<ArraySamples()> samples;
};

// Of each case the memory that its views point to.
struct Data {
  Samples vectors = class_samples(30, {13}, 3);
  Samples images = class_samples(30, {6, 5, 3}, 3);
  SparseSamples lists = sparse_samples(30, 40);
  GraphSamples graph = graph_samples();

  static GraphSamples graph_samples() {
    RandomData random(17);
    GraphSamples samples{.count = 30, .target_size = 2};
    samples.columns = {float_column("values", {5}, 30, random), id_column("item", 2, 9, 30, random)};
    samples.targets = random.normal(60);
    return samples;
  }
};

Spec::Object reads(Spec::Object spec, const std::string& input) {
  spec["inputs"] = Spec::List{input};
  return spec;
}

std::vector<Case> cases(const Data& data) {
  const Spec::List judged = {Spec::Object{{"kind", "accuracy"}},
                             Spec::Object{{"kind", "rocAuc"}, {"average", "macro"}}};
  Spec::Object joined = concat();
  joined["inputs"] = Spec::List{"left", "flat"};
  Spec::Object flat = plain_layer("flatten");
  flat["name"] = "flat";
  return {
      {{.input_shape = {13},
        .layers = {dense({.units = 9, .activation = "relu"}), dropout(0.2), dense({.units = 3, .name = "dense_2"})},
        .metrics = judged},
       [&] { return data.vectors.view(); }},
      {{.input_shape = {6, 5, 3},
        .layers = {conv2d({.filters = 4, .padding = "same"}), batch_norm({}), max_pool2d({}), plain_layer("flatten"),
                   dense({.units = 3})},
        .optimizer = sgd({.momentum = 0.9}),
        .non_finite = NonFinitePolicy::kSkip},
       [&] { return data.images.view(); }},
      {{.input_shape = {6, 5, 3},
        .layers = {conv2d({.filters = 57, .padding = "same", .kernel = "winograd"}),
                   conv2d({.filters = 3, .name = "conv2d_2", .kernel = "blas"}), plain_layer("flatten"), layer_norm({}),
                   dense({.units = 3})}},
       [&] { return data.images.view(); }},
      {{.input_shape = {40},
        .layers = {embedding_bag({.units = 5}), dense({.units = 10})},
        .optimizer = penalized("ftrl")},
       [&] { return data.lists.view(); }},
      {{.input_shape = {},
        .layers = {reads(dense({.units = 4, .name = "left"}), "@values"),
                   reads(embedding({.rows = 9, .units = 3, .name = "items"}), "@item"), flat, joined,
                   dense({.units = 2, .name = "head"})},
        .loss = "meanSquaredError",
        .inputs = data.graph.inputs()},
       [&] { return data.graph.view(); }},
  };
}

FitOptions run_of(int threads) {
  return {.epochs = 2,
          .batch = kBatch,
          .shuffle = Shuffle::kEachEpoch,
          .threads = threads,
          .progress_interval = 1e-9,
          .snapshots = {.every_steps = 2, .at_end = true},
          .restore_kept = true};
}

void set_weights(Learner& learner, const std::vector<float>& weights) {
  learner.reset();
  const std::unique_lock guard(learner.network().lock());
  learner.network().lend(nullptr);
  std::copy(weights.begin(), weights.end(), learner.network().weights());
}

std::vector<float> weights_of(Learner& learner) {
  return {learner.network().weights(), learner.network().weights() + learner.network().architecture().weights_size()};
}

// Counts over all cases of a test.
class Tally {
 public:
  void add(const FailedAllocations& failed) {
    tried_ += failed.tried;
    wrong_ += failed.wrong;
    leaked_ += failed.leaked;
  }
  void expect(bool right) { broken_ += right ? 0 : 1; }

  void check(const std::string& what) const {
    MESSAGE(what << ": " << tried_ << " allocations failed");
    CHECK(tried_ > 0);
    CHECK(wrong_ == 0);
    CHECK(leaked_ == 0);
    CHECK(broken_ == 0);
  }

 private:
  int64_t tried_ = 0, wrong_ = 0, leaked_ = 0, broken_ = 0;
};

constexpr Failing kBoth[] = {Failing::kOne, Failing::kAllBehind};

}  // namespace

TEST_CASE("out of memory: learners, with their networks, objectives and optimizers") {
  const Data data;
  const std::vector<Case> all = cases(data);
  Tally tally;
  for (const Case& each : all) {
    for (const Failing failing : kBoth) {
      tally.add(fail_each_allocation(
          failing, [&] { make_learner(each.net); }, [](Outcome) {}));
    }
  }
  tally.check("learners");
}

TEST_CASE("out of memory: runs with validation, checkpoints and kept weights; the next run ends with the same bits") {
  const Data data;
  const std::vector<Case> all = cases(data);
  const auto run = [](Learner& learner, const ArraySamples& samples, int threads) {
    AskingObserver observer;
    fit(learner, samples, &samples, run_of(threads), kNever, observer);
  };
  Tally tally;
  for (const Case& each : all) {
    for (const int threads : {1, 2}) {
      const auto learner = make_learner(each.net);
      const ArraySamples samples = each.samples();
      const std::vector<float> start = weights_of(*learner);
      run(*learner, samples, threads);
      const std::vector<float> expected = weights_of(*learner);
      set_weights(*learner, start);
      const Failing failing = threads == 1 ? Failing::kOne : Failing::kAllBehind;
      tally.add(fail_each_allocation(
          failing, [&] { run(*learner, samples, threads); },
          [&](Outcome outcome) {
            if (outcome == Outcome::kDone) tally.expect(weights_of(*learner) == expected);
            set_weights(*learner, start);
            run(*learner, samples, 1);
            tally.expect(weights_of(*learner) == expected);
            set_weights(*learner, start);
          }));
    }
  }
  tally.check("runs");
}

TEST_CASE("out of memory: single steps; the next ones end with the same bits") {
  const Data data;
  const std::vector<Case> all = cases(data);
  Tally tally;
  for (const Case& each : all) {
    const std::shared_ptr<Learner> learner = make_learner(each.net);
    const ArraySamples samples = each.samples();
    const std::vector<float> start = weights_of(*learner);
    std::unique_ptr<SingleSteps> steps;
    const auto three = [&] {
      for (int i = 0; i < 3; ++i) steps->run(samples, 2);
    };
    steps = std::make_unique<SingleSteps>(learner);
    three();
    const std::vector<float> expected = weights_of(*learner);
    for (const Failing failing : kBoth) {
      set_weights(*learner, start);
      steps = std::make_unique<SingleSteps>(learner);
      tally.add(fail_each_allocation(failing, three, [&](Outcome outcome) {
        if (outcome == Outcome::kDone) tally.expect(weights_of(*learner) == expected);
        set_weights(*learner, start);
        three();
        tally.expect(weights_of(*learner) == expected);
        set_weights(*learner, start);
        steps = std::make_unique<SingleSteps>(learner);  // without the plans that it keeps
      }));
    }
  }
  tally.check("single steps");
}

TEST_CASE("out of memory: predictions, alone, by a team and in pieces; the next ones are the same") {
  Data data;
  const std::vector<Case> all = cases(data);
  Case pieces = all[2];
  data.images = class_samples(8 * 64 + 37, {6, 5, 3}, 3);
  Tally tally;
  const auto try_each = [&](const Case& each, const std::vector<Failing>& failings) {
    const auto learner = make_learner(each.net);
    Network& network = learner->network();
    const ArraySamples samples = each.samples();
    const PassOptions options{64, 2};
    std::vector<float> expected(static_cast<size_t>(samples.count() * network.architecture().output_shape().size()));
    std::vector<float> outputs(expected.size());
    const auto by_itself = [&] {
      PlanPool pool;
      SpareTeam team;
      predict(network, pool, samples, options, kNever, team, outputs.data());
    };
    const auto on_call = [&] {
      PlanPool pool;
      CallTeam team;
      ThreadSearches searches;
      predict_now(network, pool, samples, options, team, searches, outputs.data());
    };
    by_itself();
    expected = outputs;
    const auto same = [&](Outcome outcome) {
      if (outcome == Outcome::kDone) tally.expect(outputs == expected);
      std::fill(outputs.begin(), outputs.end(), 0.0F);
      by_itself();
      tally.expect(outputs == expected);
      std::fill(outputs.begin(), outputs.end(), 0.0F);
    };
    for (const Failing failing : failings) {
      tally.add(fail_each_allocation(failing, by_itself, same));
      tally.add(fail_each_allocation(failing, on_call, same));
    }
  };
  try_each(pieces, {Failing::kOne, Failing::kAllBehind});
  data.images = class_samples(30, {6, 5, 3}, 3);
  for (const Case& each : all) try_each(each, {Failing::kOne});
  tally.check("predictions");
}

TEST_CASE("out of memory: evaluations in pieces, of which the next ones are the same") {
  Data data;
  const Case each = cases(data)[2];
  data.images = class_samples(2 * 256 + 37, {6, 5, 3}, 3);
  Tally tally;
  const auto learner = make_learner(each.net);
  const ArraySamples samples = each.samples();
  Evaluation evaluation(learner->shared_network(), learner->objective(), samples, {64, 2});
  double loss = 0;
  const auto evaluate = [&] { Team::run(2, [&](Team& team) { loss = evaluation.run(team, kNever)->loss; }); };
  evaluate();
  const double expected = loss;
  for (const Failing failing : kBoth) {
    tally.add(fail_each_allocation(failing, evaluate, [&](Outcome) {
      evaluate();
      tally.expect(loss == expected);
    }));
  }
  tally.check("evaluations in pieces");
}

TEST_CASE("out of memory: evaluations and gradients") {
  const Data data;
  const std::vector<Case> all = cases(data);
  Tally tally;
  for (const Case& each : all) {
    const auto learner = make_learner(each.net);
    Network& network = learner->network();
    const ArraySamples samples = each.samples();
    const std::vector<float> output_gradient(
        static_cast<size_t>(samples.count() * network.architecture().output_shape().size()), 0.5F);
    const auto evaluate = [&] {
      Evaluation evaluation(learner->shared_network(), learner->objective(), samples, {kBatch, 2});
      Team::run(2, [&](Team& team) { evaluation.run(team, kNever); });
    };
    const auto all_gradients = [&] { differentiate(network, samples, output_gradient.data(), 2, {1, 2}); };
    const NetworkInput& input = network.architecture().inputs().front();
    std::vector<float> values(static_cast<size_t>(samples.count()));
    std::vector<float> gradients(values.size() * static_cast<size_t>(input.shape.size()));
    const auto of_inputs = [&] {
      const Differentiand of_loss{{}, learner->objective()};
      input_gradient(network, samples, of_loss, {kBatch, 2}, kNever, values.data(), {{.gradients = gradients.data()}});
    };
    const bool reads_floats = network.architecture().input_count() == 1 && input.form == InputForm::kFloats;
    for (const Failing failing : kBoth) {
      tally.add(fail_each_allocation(failing, evaluate, [](Outcome) {}));
      tally.add(fail_each_allocation(failing, all_gradients, [](Outcome) {}));
      if (reads_floats) tally.add(fail_each_allocation(failing, of_inputs, [](Outcome) {}));
    }
  }
  tally.check("evaluations and gradients");
}

TEST_CASE("out of memory: jobs, of which none is left counted") {
  const int before = Job::live_count();
  Tally tally;
  for (const Failing failing : kBoth) {
    tally.add(fail_each_allocation(
        failing, [] { Job::start([](const std::atomic<bool>&) {}, [] {})->join(); },
        [&](Outcome) { tally.expect(Job::live_count() == before); }));
  }
  tally.check("jobs");
}

TEST_CASE("out of memory: mapped rows, of which no file stays mapped") {
  const TemporaryFolder folder;
  folder.write("rows", std::string(480, 'x'));
  const RowFormat format{.type = RowFormat::Type::kFloat32, .size = 12, .stride = 48};
  const auto files_open = [] {
    int64_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
    return count;
  };
  const auto map = [&] {
    const MappedRows rows(format, {{folder.path() + "/rows", 480, 0, 10}}, MappedRows::Room::kEnough);
  };
  const int64_t open = files_open();
  Tally tally;
  for (const Failing failing : kBoth) {
    tally.add(fail_each_allocation(failing, map, [&](Outcome) { tally.expect(files_open() == open); }));
  }
  tally.check("mapped rows");
}

TEST_CASE("out of memory: word vectors") {
  RandomData random(1207);
  std::vector<uint32_t> words, contexts;
  std::vector<float> counts;
  std::vector<int32_t> tokens;
  for (int k = 0; k < 300; ++k) {
    words.push_back(static_cast<uint32_t>(random.integer(0, 39)));
    contexts.push_back(static_cast<uint32_t>(random.integer(0, 39)));
    counts.push_back(static_cast<float>(1 + random.unit()));
    tokens.push_back(static_cast<int32_t>(random.integer(0, 39)));
  }
  Tally tally;
  for (const Failing failing : kBoth) {
    tally.add(fail_each_allocation(
        failing,
        [&] {
          Glove glove({.vocabulary = 40, .units = 7}, {300, words.data(), contexts.data(), counts.data()});
          Team::run(2, [&](Team& team) { glove.train_epoch(team, kNever); });
        },
        [](Outcome) {}));
    tally.add(fail_each_allocation(
        failing,
        [&] {
          NegativeSampling sampling({40, 40, 5, 3}, make_optimizer(adagrad({})), 1);
          SparseBatch& bags = sampling.bags();
          bags.reserve(20, 20);
          for (int64_t p = 0; p < 20; ++p) {
            bags.offsets()[p] = p;
            bags.indices()[p] = words[static_cast<size_t>(p)];
            bags.samples()[p] = static_cast<uint32_t>(p);
          }
          bags.offsets()[20] = 20;
          bags.filled(20, false);
          std::copy_n(contexts.data(), 80, sampling.targets(20));
          Team::run(2, [&](Team& team) { sampling.step(team, 20); });
        },
        [](Outcome) {}));
    tally.add(fail_each_allocation(
        failing,
        [&] {
          count_cooccurrences(
              tokens, {.vocabulary = 40, .window = 3, .by_distance = true, .symmetric = true, .memory = 4096}, kNever);
        },
        [](Outcome) {}));
  }
  tally.check("word vectors");
}
