// Word vectors against their equations in double, over several steps, and the same bits at any number of threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/compare.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "training/word_vectors/glove.h"
#include "training/word_vectors/negative_sampling.h"
#include "training/word_vectors/word_sampler.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kGoOn{false};

struct Cells {
  std::vector<uint32_t> words = {}, contexts = {};
  std::vector<float> counts = {};

  Cooccurrences view() const {
    return {static_cast<int64_t>(counts.size()), words.data(), contexts.data(), counts.data()};
  }
};

Cells random_cells(RandomData& random, int64_t count, int64_t vocabulary) {
  Cells cells;
  for (int64_t k = 0; k < count; ++k) {
    cells.words.push_back(static_cast<uint32_t>(random.integer(0, vocabulary - 1)));
    cells.contexts.push_back(static_cast<uint32_t>(random.integer(0, vocabulary - 1)));
    cells.counts.push_back(static_cast<float>(std::exp(7 * random.unit() - 1)));
  }
  return cells;
}

// The paper's rule and the authors' program, cell by cell, in double.
void train_in_double(const GloveOptions& options, const Cells& cells, std::vector<double>& w, std::vector<double>& s) {
  const auto row = static_cast<size_t>(options.units) + 1;
  const double rate = options.learning_rate;
  for (size_t k = 0; k < cells.counts.size(); ++k) {
    const size_t u = cells.words[k] * row;
    const size_t c = (static_cast<size_t>(options.vocabulary) + cells.contexts[k]) * row;
    double error = w[u + row - 1] + w[c + row - 1] - std::log(double{cells.counts[k]});
    for (size_t i = 0; i + 1 < row; ++i) error += w[u + i] * w[c + i];
    const double factor = std::min(1.0, std::pow(cells.counts[k] / options.x_max, options.alpha)) * error;
    for (size_t i = 0; i < row; ++i) {
      const bool bias = i + 1 == row;
      double gradients[2] = {bias ? factor : factor * w[c + i], bias ? factor : factor * w[u + i]};
      const size_t places[2] = {u + i, c + i};
      for (int side = 0; side < 2; ++side) {
        double g = gradients[side];
        double& sum = s[places[side]];
        if (options.rule == GloveRule::kPaper) {
          sum += g * g;
          w[places[side]] -= rate * g / std::sqrt(sum);
        } else {
          if (!bias) g = std::clamp(g, -100.0, 100.0) * rate;
          w[places[side]] -= g / std::sqrt(sum);
          sum += g * g;
        }
      }
    }
  }
}

std::vector<double> doubles_of(const AlignedBuffer& buffer) { return {buffer.data(), buffer.data() + buffer.size()}; }

}  // namespace

TEST_CASE("glove: three epochs agree with both rules in double, at odd dimensions and repeated cells") {
  RandomData random(1201);
  for (const GloveRule rule : {GloveRule::kPaper, GloveRule::kStanford}) {
    for (const int64_t units : {1, 7, 16, 100}) {
      CAPTURE(units);
      const GloveOptions options{.vocabulary = 9, .units = units, .rule = rule, .shuffled = false, .seed = 3};
      const Cells cells = random_cells(random, 200, options.vocabulary);
      Glove glove(options, cells.view());
      std::vector<double> weights = doubles_of(glove.weights());
      std::vector<double> sums = doubles_of(glove.accumulators());
      for (int epoch = 0; epoch < 3; ++epoch) {
        Team::run(2, [&](Team& team) { glove.train_epoch(team, kGoOn); });
        train_in_double(options, cells, weights, sums);
      }
      CHECK(scaled_error(glove.weights().span(), weights) < 2e-5);
      CHECK(scaled_error(glove.accumulators().span(), sums) < 2e-5);
    }
  }
}

TEST_CASE("glove: every cell is trained once an epoch, with the same bits at 1, 2, 3 and 8 threads") {
  RandomData random(1202);
  const GloveOptions options{.vocabulary = 500, .units = 7, .seed = 5};
  const Cells cells = random_cells(random, 5000, options.vocabulary);
  Glove first(options, cells.view());
  CHECK(first.groups() == 7);
  double cost = 0;
  double last = 0;
  Team::run(1, [&](Team& team) {
    cost = first.train_epoch(team, kGoOn);
    for (int epoch = 0; epoch < 4; ++epoch) last = first.train_epoch(team, kGoOn);
  });
  CHECK(last < cost);
  for (const int threads : {2, 3, 8}) {
    Glove other(options, cells.view());
    double other_last = 0;
    Team::run(threads, [&](Team& team) {
      for (int epoch = 0; epoch < 5; ++epoch) other_last = other.train_epoch(team, kGoOn);
    });
    CHECK(other_last == last);
    CHECK(difference_in_bits(other.weights().span(), first.weights().span()) == "");
  }
  // With a rate of 0 an epoch's cost is the sum over all cells, in whatever order.
  GloveOptions still = options;
  still.learning_rate = 0;
  Glove shuffled(still, cells.view());
  still.shuffled = false;
  Glove given(still, cells.view());
  Team::run(1, [&](Team& team) {
    CHECK(shuffled.train_epoch(team, kGoOn) == doctest::Approx(given.train_epoch(team, kGoOn)).epsilon(1e-9));
  });
}

TEST_CASE("glove: cells that are none are refused, and a cost that is not finite ends training") {
  const GloveOptions options{.vocabulary = 3, .units = 2};
  for (const float count : {0.0F, -1.0F, INFINITY, NAN}) {
    CHECK_THROWS_AS(Glove(options, Cells{{0}, {1}, {count}}.view()), Error);
  }
  CHECK_THROWS_AS(Glove(options, Cells{{3}, {1}, {1}}.view()), Error);
  GloveOptions wild = options;
  wild.learning_rate = 1e30F;
  Glove glove(wild, Cells{{0, 1, 2, 0}, {1, 2, 0, 1}, {5, 6, 7, 50}}.view());
  CHECK_THROWS_AS(Team::run(1,
                            [&](Team& team) {
                              for (int epoch = 0; epoch < 20; ++epoch) glove.train_epoch(team, kGoOn);
                            }),
                  Error);
}

namespace {

constexpr int64_t kRows = 11;
constexpr int64_t kNegatives = 3;

// Bags of rows with factors, and targets, both with repeated rows.
struct Batch {
  std::vector<std::vector<uint32_t>> bags = {};
  std::vector<uint32_t> targets = {};

  Batch(RandomData& random, int64_t pairs) {
    for (int64_t p = 0; p < pairs; ++p) {
      std::vector<uint32_t>& bag = bags.emplace_back();
      for (int64_t i = random.pick({1, 1, 4}); i > 0; --i) bag.push_back(static_cast<uint32_t>(random.integer(0, 4)));
      for (int64_t k = 0; k <= kNegatives; ++k) {
        targets.push_back(static_cast<uint32_t>(random.integer(0, kRows - 1)));
      }
    }
  }

  void fill(NegativeSampling& model) const {
    SparseBatch& to = model.bags();
    const auto pairs = static_cast<int64_t>(bags.size());
    to.reserve(pairs, 4 * pairs);
    int64_t entry = 0;
    to.offsets()[0] = 0;
    for (size_t p = 0; p < bags.size(); ++p) {
      for (const uint32_t row : bags[p]) {
        to.indices()[entry] = row;
        to.samples()[entry] = static_cast<uint32_t>(p);
        to.values()[entry++] = 1.0F / static_cast<float>(bags[p].size());
      }
      to.offsets()[p + 1] = entry;
    }
    to.filled(pairs, true);
    std::copy(targets.begin(), targets.end(), model.targets(pairs));
  }
};

std::vector<float> weights_of(const TrainedTable& table) {
  std::vector<float> weights(static_cast<size_t>(table.weight_count()));
  table.copy_weights(weights.data());
  return weights;
}

// One step of AdaGrad on the summed gradients, in double.
class InDouble {
 public:
  InDouble(NegativeSampling& model, double rate)
      : units_(static_cast<size_t>(model.shape().units)),
        rate_(rate),
        input_(to_double(weights_of(model.input()))),
        output_(to_double(weights_of(model.output()))),
        input_sums_(input_.size()),
        output_sums_(output_.size()) {}

  double step(const Batch& batch) {
    std::vector<double> input_gradient(input_.size());
    std::vector<double> output_gradient(output_.size());
    double loss = 0;
    for (size_t p = 0; p < batch.bags.size(); ++p) {
      const double part = 1.0 / static_cast<double>(batch.bags[p].size());
      std::vector<double> hidden(units_);
      for (const uint32_t row : batch.bags[p]) {
        for (size_t i = 0; i < units_; ++i) hidden[i] += part * input_[row * units_ + i];
      }
      std::vector<double> gradient(units_);
      for (size_t k = 0; k <= kNegatives; ++k) {
        const size_t row = batch.targets[p * (kNegatives + 1) + k] * units_;
        double z = 0;
        for (size_t i = 0; i < units_; ++i) z += hidden[i] * output_[row + i];
        loss += std::log1p(std::exp(k == 0 ? -z : z));
        const double factor = 1 / (1 + std::exp(-z)) - (k == 0 ? 1 : 0);
        for (size_t i = 0; i < units_; ++i) {
          gradient[i] += factor * output_[row + i];
          output_gradient[row + i] += factor * hidden[i];
        }
      }
      for (const uint32_t row : batch.bags[p]) {
        for (size_t i = 0; i < units_; ++i) input_gradient[row * units_ + i] += part * gradient[i];
      }
    }
    update(input_gradient, input_sums_, input_);
    update(output_gradient, output_sums_, output_);
    return loss;
  }

  const std::vector<double>& input() const { return input_; }
  const std::vector<double>& output() const { return output_; }

 private:
  void update(const std::vector<double>& gradient, std::vector<double>& sums, std::vector<double>& weights) const {
    for (size_t i = 0; i < weights.size(); ++i) {
      sums[i] += gradient[i] * gradient[i];
      if (sums[i] > 0) weights[i] -= rate_ * gradient[i] / (std::sqrt(sums[i]) + 1e-10);
    }
  }

  size_t units_;
  double rate_;
  std::vector<double> input_, output_, input_sums_, output_sums_;
};

}  // namespace

TEST_CASE("negative sampling: steps agree with double for bags and repeated rows, the same bits at 1, 2, 3 threads") {
  RandomData random(1203);
  for (const int64_t units : {1, 7, 16, 100}) {
    CAPTURE(units);
    const double rate = 0.05;
    std::vector<NegativeSampling> models;
    for (int i = 0; i < 3; ++i) {
      models.emplace_back(NegativeSamplingShape{kRows, kRows, units, kNegatives},
                          make_optimizer(adagrad({.learning_rate = rate})), 9);
      // Zeros would leave the first gradients of the input table at 0.
      RandomData start(77);
      const std::vector<float> weights = start.normal(kRows * units);
      models.back().output().set_weights(weights.data());
    }
    InDouble expected(models[0], rate);
    for (int step = 0; step < 6; ++step) {
      const Batch batch(random, step == 3 ? 1 : 37);
      const double loss = expected.step(batch);
      for (int i = 0; i < 3; ++i) {
        batch.fill(models[static_cast<size_t>(i)]);
        double got = 0;
        Team::run(i + 1, [&](Team& team) {
          got = models[static_cast<size_t>(i)].step(team, static_cast<int64_t>(batch.bags.size()));
        });
        CHECK(got == doctest::Approx(loss).epsilon(1e-5));
      }
    }
    CHECK(scaled_error(weights_of(models[0].input()), expected.input()) < 2e-5);
    CHECK(scaled_error(weights_of(models[0].output()), expected.output()) < 2e-5);
    for (size_t i = 1; i < 3; ++i) {
      CHECK(difference_in_bits(weights_of(models[i].input()), weights_of(models[0].input())) == "");
      CHECK(difference_in_bits(weights_of(models[i].output()), weights_of(models[0].output())) == "");
    }
  }
}

TEST_CASE("negative sampling: optimizers that move rows without a gradient are refused") {
  CHECK_THROWS_AS(NegativeSampling({3, 3, 2, 1}, make_optimizer(sgd({.momentum = 0.9})), 0), Error);
}

TEST_CASE("alias tables draw as often as the weights say") {
  const std::vector<double> weights = {5, 0, 1, 10, 4};
  const AliasTable table(weights);
  const RandomStream random(1, RandomPurpose::kWords, 0, 0);
  std::vector<double> drawn(weights.size());
  constexpr int kDraws = 200'000;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const PhiloxBlock words = random.block(i);
    drawn[table.draw(words[0], words[1])] += 20.0 / kDraws;
  }
  CHECK(drawn[1] == 0);
  for (size_t w = 0; w < weights.size(); ++w) CHECK(std::abs(drawn[w] - weights[w]) < 0.1);
  CHECK_THROWS_AS(AliasTable({}), Error);
  CHECK_THROWS_AS(AliasTable({0, 0}), Error);
  CHECK_THROWS_AS(AliasTable({1, -1}), Error);
}

namespace {

WordCorpus small_corpus(RandomData& random, int64_t words, int64_t tokens) {
  WordCorpus corpus;
  for (int64_t i = 0; i < tokens; ++i) {
    corpus.tokens.push_back(i % 17 == 16 ? -1 : static_cast<int32_t>(random.integer(0, words - 1)));
  }
  corpus.keep.assign(static_cast<size_t>(words), 1.0F);
  corpus.noise.assign(static_cast<size_t>(words), 1.0);
  return corpus;
}

struct Pair {
  std::vector<uint32_t> bag;
  uint32_t target;
  bool operator==(const Pair&) const = default;
};

std::vector<Pair> pairs_of(WordCorpus corpus, int64_t batch) {
  WordSampler sampler(std::move(corpus));
  NegativeSampling model({sampler.input_rows(), sampler.vocabulary(), 2, 2}, make_optimizer(sgd({})), 0);
  std::vector<Pair> pairs;
  sampler.start(0);
  Team::run(1, [&](Team& team) {
    while (const int64_t count = sampler.fill(team, model, batch)) {
      const SparseRows& bags = model.bags().input().rows;
      for (int64_t p = 0; p < count; ++p) {
        pairs.push_back({{bags.indices + bags.offsets[p], bags.indices + bags.offsets[p + 1]},
                         model.output().batch().indices()[3 * p]});
      }
    }
  });
  return pairs;
}

}  // namespace

TEST_CASE("word pairs: a window of one gives all neighbours, no text reaches into the next, batches do not matter") {
  WordCorpus corpus;
  corpus.tokens = {0, 1, 2, -1, -1, 3, 1, -1, 2};
  corpus.keep.assign(4, 1.0F);
  corpus.noise.assign(4, 1.0);
  corpus.window = 1;
  const std::vector<Pair> expected = {{{0}, 1}, {{1}, 0}, {{1}, 2}, {{2}, 1}, {{3}, 1}, {{1}, 3}};
  for (const int64_t batch : {1, 2, 4, 100}) CHECK(pairs_of(corpus, batch) == expected);
  corpus.model = WordModel::kCbow;
  const std::vector<Pair> around = {{{1}, 0}, {{0, 2}, 1}, {{1}, 2}, {{1}, 3}, {{3}, 1}};
  for (const int64_t batch : {1, 3, 100}) CHECK(pairs_of(corpus, batch) == around);
  corpus.pieces = {{0, 1, 3, 4, 5}, {0, 1, 4, 2, 3}};
  const std::vector<Pair> pieces = {{{1, 4}, 0}, {{0, 2}, 1}, {{1, 4}, 2}, {{1, 4}, 3}, {{3}, 1}};
  CHECK(pairs_of(corpus, 3) == pieces);
}

TEST_CASE("word pairs: words that stay nowhere have none, and a word between joins its neighbours") {
  WordCorpus corpus;
  corpus.tokens = {0, 1, 2};
  corpus.keep = {1, 0, 1};
  corpus.noise.assign(3, 1.0);
  corpus.window = 1;
  CHECK(pairs_of(corpus, 10) == std::vector<Pair>{{{0}, 2}, {{2}, 0}});
  corpus.keep = {0, 0, 1};
  CHECK(pairs_of(corpus, 10).empty());
}

TEST_CASE("word vectors: epochs give the same bits at 1, 2 and 3 threads, and the loss falls") {
  RandomData random(1204);
  for (const WordModel model_kind : {WordModel::kSkipGram, WordModel::kCbow}) {
    WordCorpus corpus = small_corpus(random, 50, 4000);
    // Words come in pairs that the model can learn.
    for (size_t i = 1; i < corpus.tokens.size(); i += 2) {
      if (corpus.tokens[i] >= 0 && corpus.tokens[i - 1] >= 0) corpus.tokens[i] = corpus.tokens[i - 1] ^ 1;
    }
    corpus.window = 2;
    corpus.model = model_kind;
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 3}) {
      WordSampler sampler(corpus);
      NegativeSampling model({50, 50, 7, 5}, make_optimizer(adagrad({.learning_rate = 0.1})), 1);
      WordEpoch first;
      WordEpoch last;
      Team::run(threads, [&](Team& team) {
        for (uint64_t epoch = 0; epoch < 5; ++epoch) {
          sampler.start(epoch);
          last = train_words(team, model, sampler, 256, kGoOn);
          if (epoch == 0) first = last;
        }
      });
      CHECK(first.pairs > 1000);
      CHECK(last.loss < 0.9 * first.loss);
      results.push_back(weights_of(model.input()));
    }
    CHECK(difference_in_bits(results[1], results[0]) == "");
    CHECK(difference_in_bits(results[2], results[0]) == "");
  }
}
