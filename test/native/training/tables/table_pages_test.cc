// A step's work does not follow the size of a table: of its memory, and that of its state, it touches the rows that the
// batch names and nothing else, and the memory beside it is the same for any table. Threads: 1 and 3.
#include <doctest/doctest.h>

#include <memory>
#include <set>

#include "common/aligned_buffer.h"
#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/touched_pages.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kSamples = 32;
constexpr int kSteps = 3;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kManyRows = 1'000'000;
#else
constexpr int64_t kManyRows = 100'000'000;
#endif

// One array that has a row of `width` floats for each row of the table.
struct Watched {
  const float* data;
  int64_t width;
  std::unique_ptr<TouchedPages> pages;
};

// Checks that the steps touch of each array the pages in which named rows lie, all of them and no others.
void check_touched(const LearnerOptions& net, int threads) {
  const int64_t rows = net.input_shape[0];
  const SparseSamples samples = sparse_samples(kSteps * kSamples, rows);
  const std::set<uint32_t> named(samples.indices.begin(), samples.indices.end());
  const auto learner = make_learner(net);
  // Lazy rules take the weights over in the first step of all.
  run_steps(*learner, samples.view(), kSamples, 1, threads);
  const auto& table = learner->network().architecture().parameters().front();
  std::vector<Watched> arrays;
  const auto watch = [&](const float* data, int64_t width) {
    arrays.push_back({data, width, std::make_unique<TouchedPages>(data, rows * width)});
  };
  watch(learner->network().weights() + table.offset, table.row_width);
  for (size_t i = 0; i < learner->states(0).size(); ++i) {
    watch(learner->state(0, i), learner->states(0)[i].shape.size() / rows);
  }
  run_steps(*learner, samples.view(), kSamples, kSteps, threads);
  for (const Watched& array : arrays) {
    std::set<int64_t> expected;
    for (const uint32_t row : named) {
      expected.merge(array.pages->pages_of(array.data + row * array.width, array.width));
    }
    CHECK(array.pages->touched() == expected);
    CHECK(expected.size() > 200);
  }
}

LearnerOptions linear_net(int64_t features, const Spec::Object& optimizer = {}) {
  return {
      .input_shape = {features}, .layers = {sparse_dense({.units = 1}), dense({.units = 10})}, .optimizer = optimizer};
}

LearnerOptions bag_net(int64_t features, const Spec::Object& optimizer = {}) {
  return {
      .input_shape = {features}, .layers = {embedding_bag({.units = 7}), dense({.units = 10})}, .optimizer = optimizer};
}

Spec::Object by_each(const std::string& duplicates) {
  Spec::Object optimizer = adagrad({});
  optimizer["duplicates"] = duplicates;
  return optimizer;
}

// Bytes that a step's buffers take.
int64_t step_bytes(const LearnerOptions& net) {
  const auto learner = make_learner(net);
  const SparseSamples samples = sparse_samples(kSamples, net.input_shape[0]);
  const int64_t before = AlignedBuffer::allocated_bytes();
  TrainStep step(*learner, kSamples, 2);
  step.reserve(samples.view());
  return AlignedBuffer::allocated_bytes() - before;
}

}  // namespace

TEST_CASE("table pages: of a table of 100 million weights, steps touch the rows that their samples name") {
  check_touched(linear_net(kManyRows), 3);
}

TEST_CASE("table pages: the same for every rule that trains tables, at 1 and 3 threads") {
  for (const Spec::Object& optimizer :
       {adagrad({}), sgd({}), rowwise_adagrad(), penalized("ftrl"), penalized("proximalAdagrad"),
        penalized("adagradDualAveraging"), by_each("sequential"), by_each("hogwild")}) {
    CAPTURE(Spec(optimizer).string("kind"));
    for (const int threads : {1, 3}) {
      check_touched(bag_net(300'000, optimizer), threads);
      check_touched(linear_net(1'000'000, optimizer), threads);
    }
  }
}

TEST_CASE("table pages: a step's buffers are those of a small table") {
  CHECK(step_bytes(linear_net(2'000'000)) == step_bytes(linear_net(1000)));
  CHECK(step_bytes(bag_net(300'000)) == step_bytes(bag_net(1000)));
}
