// The same seed gives the same bits on any number of threads, fused or not. Threads: 1, 2, 3 and 8.
#include <doctest/doctest.h>

#include "support/compare.h"
#include "support/simd_targets.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

class Silent final : public RunObserver {
 public:
  void on_progress(const ProgressReport&) override {}
  void on_epoch(const EpochReport&) override {}
};

// Weights and states after 50 steps: five shuffled epochs of ten batches, the last one partial.
std::vector<float> trained(const LearnerOptions& options, const Samples& samples, int threads) {
  const auto learner = make_learner(options);
  const std::atomic<bool> stop{false};
  Silent observer;
  fit(*learner, samples.view(), nullptr,
      {.epochs = 5, .batch = 33, .shuffle = Shuffle::kEachEpoch, .threads = threads, .progress_interval = 0}, stop,
      observer);
  CHECK(learner->steps == 50);
  return state_of(*learner);
}

}  // namespace

TEST_CASE("training: equal bits of weights and states at 1, 2, 3 and 8 threads, three repeats each") {
  for (const auto& net : {mlp(), wide_mlp(), conv_net("blas"), conv_net("direct"), conv_net("winograd"),
                          norm_net("blas"), norm_net("direct")}) {
    for (const auto& optimizer : {adagrad({.learning_rate = 0.05}), sgd({.learning_rate = 0.05, .momentum = 0.9})}) {
      LearnerOptions options = net;
      options.optimizer = optimizer;
      const Samples samples = class_samples(9 * 33 + 20, options.input_shape, 10);
      const std::vector<float> expected = trained(options, samples, 1);
      for (const int threads : {1, 2, 3, 8}) {
        for (int repeat = 0; repeat < 3; ++repeat) {
          CAPTURE(options.layers.size());
          CAPTURE(threads);
          CHECK(difference_in_bits(trained(options, samples, threads), expected) == "");
        }
      }
    }
  }
}

// Few filters and one block, half of it full: rows of images are bands of which threads have some each, and phases of
// strides and pooled rows are fewer than bands.
TEST_CASE("training: equal bits where threads share the rows of images, on every instruction set") {
  const std::vector<std::vector<Spec>> nets = {
      {conv2d({.filters = 6, .kernel_size = {5, 3}, .padding = "same", .activation = "relu", .kernel = "direct"}),
       conv2d({.filters = 7, .strides = {3, 2}, .name = "conv2d_2", .kernel = "direct"}), plain_layer("flatten"),
       dense({.units = 10})},
      {conv2d({.filters = 8, .dilation = {2, 3}, .padding = "same", .groups = 2, .kernel = "direct"}),
       plain_layer("relu"), max_pool2d({.pool_size = {2, 2}}),
       conv2d({.filters = 5,
               .kernel_size = {7, 7},
               .padding = "same",
               .activation = "tanh",
               .name = "conv2d_2",
               .kernel = "direct"}),
       max_pool2d({.pool_size = {3, 3}, .strides = {3, 3}, .name = "maxPool2d_2"}), plain_layer("flatten"),
       dense({.units = 10})}};
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const std::vector<Spec>& layers : nets) {
      for (const int64_t batch : {5, 16, 21}) {
        CAPTURE(batch);
        LearnerOptions options = conv_net();
        options.input_shape = {30, 26, 4};
        options.layers = layers;
        const Samples samples = class_samples(2 * batch, options.input_shape, 10);
        const auto states = [&](int threads) {
          const auto learner = make_learner(options);
          run_steps(*learner, samples.view(), batch, 4, threads);
          return state_of(*learner);
        };
        const std::vector<float> expected = states(1);
        for (const int threads : {2, 3, 8}) CHECK(difference_in_bits(states(threads), expected) == "");
      }
    }
  });
}

TEST_CASE("training: updates behind each gradient and updates behind all gradients give equal bits") {
  for (const auto& net :
       {mlp(), conv_net("blas"), conv_net("direct"), conv_net("winograd"), norm_net("blas"), norm_net("direct")}) {
    for (const auto& optimizer : {adagrad({.weight_decay = 0.01}), sgd({.momentum = 0.9, .weight_decay = 0.01})}) {
      LearnerOptions options = net;
      options.optimizer = optimizer;
      const Samples samples = class_samples(9 * 33 + 20, options.input_shape, 10);
      options.non_finite = NonFinitePolicy::kStop;
      const std::vector<float> fused = trained(options, samples, 2);
      options.non_finite = NonFinitePolicy::kSkip;
      CHECK(difference_in_bits(trained(options, samples, 2), fused) == "");
      options.non_finite = NonFinitePolicy::kIgnore;
      CHECK(difference_in_bits(trained(options, samples, 2), fused) == "");
    }
  }
}

TEST_CASE("training: another seed gives other weights") {
  LearnerOptions options = mlp();
  const Samples samples = class_samples(9 * 33 + 20, options.input_shape, 10);
  const std::vector<float> first = trained(options, samples, 1);
  options.seed = 2;
  CHECK(trained(options, samples, 1) != first);
}

TEST_CASE("training: going on after a first fit gives the bits of one long fit") {
  const LearnerOptions options = conv_net();
  const Samples samples = class_samples(70, options.input_shape, 10);
  const std::atomic<bool> stop{false};
  Silent observer;
  const auto fit_epochs = [&](Learner& learner, int64_t epochs) {
    fit(learner, samples.view(), nullptr,
        {.epochs = epochs, .batch = 20, .shuffle = Shuffle::kEachEpoch, .threads = 2, .progress_interval = 0}, stop,
        observer);
  };
  const auto whole = make_learner(options);
  fit_epochs(*whole, 4);
  const auto parts = make_learner(options);
  fit_epochs(*parts, 1);
  fit_epochs(*parts, 3);
  CHECK(difference_in_bits(state_of(*parts), state_of(*whole)) == "");
  CHECK(parts->steps == whole->steps);
  CHECK(parts->epochs == 4);
  parts->reset();
  CHECK(parts->steps == 0);
  CHECK(parts->epochs == 0);
}
