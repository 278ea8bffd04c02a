// Threads: 1 and 2, and several that predict at once.
#include "training/inference/predict.h"

#include <doctest/doctest.h>

#include <thread>

#include "kernels/work_sizes.h"
#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kNever{false};

std::vector<float> predictions(Network& network, PlanPool& pool, const Samples& samples, const PassOptions& options) {
  const ArraySamples view = samples.view();
  std::vector<float> outputs(static_cast<size_t>(view.count() * network.architecture().output_shape().size()), 77.0F);
  SpareTeam team;
  predict(network, pool, view, options, kNever, team, outputs.data());
  return outputs;
}

}  // namespace

TEST_CASE("predict: every sample, in order, for any batch size and number of threads") {
  for (const auto& net : {mlp(), wide_mlp(), conv_net()}) {
    const auto learner = make_learner(net);
    const Samples samples = class_samples(50, net.input_shape, 10);
    PlanPool pool;
    const std::vector<float> whole = predictions(learner->network(), pool, samples, {50, 1});
    for (const int64_t batch : {1, 7, 33, 50, 1000}) {
      for (const int threads : {1, 2}) {
        CAPTURE(batch);
        const std::vector<float> y = predictions(learner->network(), pool, samples, {batch, threads});
        CHECK(difference(y, to_double(whole), Tolerance{1e-5, 1e-5}) == "");
        CHECK(difference_in_bits(y, predictions(learner->network(), pool, samples, {batch, 1})) == "");
      }
    }
  }
}

TEST_CASE("predict: sees new weights through plans that are kept and what layers made of the weights before") {
  for (const auto& net : {mlp(), conv_net(), conv_net("winograd")}) {
    for (const int64_t batch : {5, 20}) {
      CAPTURE(batch);
      const auto learner = make_learner(net);
      const Samples samples = class_samples(batch, net.input_shape, 10);
      PlanPool pool;
      const std::vector<float> before = predictions(learner->network(), pool, samples, {batch, 1});
      CHECK(difference_in_bits(predictions(learner->network(), pool, samples, {batch, 1}), before) == "");
      run_steps(*learner, samples.view(), batch, 3, 1);
      PlanPool fresh;
      const std::vector<float> after = predictions(*learner->network().snapshot(), fresh, samples, {batch, 1});
      CHECK(after != before);
      CHECK(difference_in_bits(predictions(learner->network(), pool, samples, {batch, 1}), after) == "");
    }
  }
}

namespace {

void check_pieces_of(Learner& learner, PlanPool& pool, const Samples& samples, int64_t piece) {
  const ArraySamples view = samples.view();
  Network& network = learner.network();
  REQUIRE(samples_of_piece(view.count(), 64, network.architecture().prediction_shape()) == piece);
  const std::vector<float> expected = predictions(network, pool, samples, {64, 1});
  std::vector<float> passes;
  for (int64_t first = 0; first < view.count(); first += piece) {
    const int64_t count = std::min(piece, view.count() - first);
    const std::vector<float> part = predictions(network, pool, some_of(samples, first, count), {piece, 1});
    passes.insert(passes.end(), part.begin(), part.end());
  }
  CHECK(difference_in_bits(passes, expected) == "");
  for (const int threads : {2, 3, 5}) {
    CHECK(difference_in_bits(predictions(network, pool, samples, {256, threads}), expected) == "");
    CallTeam team;
    ThreadSearches searches;
    std::vector<float> now(expected.size());
    for (int call = 0; call < 30; ++call) {  // other numbers of threads are tried
      predict_now(network, pool, view, {256, threads}, team, searches, now.data());
      CHECK(difference_in_bits(now, expected) == "");
    }
  }
}

// `largest`: floats of the layer that has most of them.
void check_pieces(const LearnerOptions& net, int64_t largest, bool in_rows, int64_t piece) {
  const auto learner = make_learner(net);
  PlanPool pool;
  const PredictionShape shape = learner->network().architecture().prediction_shape();
  REQUIRE(shape.largest_floats == largest);
  REQUIRE(shape.in_rows == in_rows);
  // Many, which threads share as they come, and as few as leave one over for all of them.
  for (const int64_t count : {int64_t{8 * 64 + 37}, 3 * piece, 5 * piece + 3}) {
    CAPTURE(count);
    check_pieces_of(*learner, pool, class_samples(count, net.input_shape, 10), piece);
  }
}

}  // namespace

TEST_CASE("predict: in pieces by single threads and in passes of all, on its own team and on one that stands by") {
  LearnerOptions net = conv_net();
  net.layers.insert(net.layers.begin() + 1,
                    conv2d({.filters = 32, .padding = "same", .name = "conv2d_3", .kernel = "direct"}));
  check_pieces(net, 9 * 11 * (32 + 11), false, 32);
}

TEST_CASE("predict: in pieces of a few samples where convolutions stay in rows") {
  LearnerOptions net = conv_net();
  net.input_shape = {16, 16, 32};
  net.layers = {conv2d({.filters = 32, .padding = "same", .groups = 32, .activation = "relu"}),
                conv2d({.filters = 96, .kernel_size = {1, 1}, .activation = "relu", .name = "conv2d_2"}),
                conv2d({.filters = 16, .kernel_size = {1, 1}, .name = "conv2d_3"}), plain_layer("flatten"),
                dense({.units = 10})};
  check_pieces(net, 16 * 16 * (32 + 96), true, 6);
  // Not where few samples would go by another kernel, which multiplies zeros.
  net.layers = {conv2d({.filters = 96, .kernel_size = {1, 1}, .activation = "relu"}),
                max_pool2d({.pool_size = {8, 8}, .strides = {8, 8}}),
                conv2d({.filters = 32, .padding = "same", .name = "conv2d_2"}), plain_layer("flatten"),
                dense({.units = 10})};
  check_pieces(net, 16 * 16 * (32 + 96), false, 16);
}

namespace {

// `apart`: for each number of samples, how many of them have a pass of their own behind the others.
void check_rests(const LearnerOptions& net, const std::vector<std::pair<int64_t, int64_t>>& rests) {
  const auto learner = make_learner(net);
  for (const auto& [count, apart] : rests) {
    CAPTURE(count);
    const Samples samples = class_samples(count, net.input_shape, 10);
    PlanPool pool;
    const std::vector<float> whole = predictions(learner->network(), pool, samples, {count, 1});
    CHECK(difference_in_bits(predictions(learner->network(), pool, samples, {count, 2}), whole) == "");
    // By one plan for all.
    std::vector<float> one(whole.size());
    Plan plan(learner->network().shared_architecture(), {count, Phase::kPredicting, 1});
    Team::run(1, [&](Team& team) {
      plan.load(team, samples.view(), nullptr, 0);
      plan.prepare(team, learner->network());
      plan.forward(team, learner->network().weights(), {0, 0});
      std::copy_n(plan.output(), one.size(), one.begin());
    });
    CHECK(difference(one, to_double(whole), Tolerance{1e-5, 1e-5}) == "");
    CHECK((difference_in_bits(one, whole) == "") == (apart == 0));
    if (apart == 0) continue;
    std::vector<float> parts =
        predictions(learner->network(), pool, some_of(samples, 0, count - apart), {count - apart, 1});
    const std::vector<float> rest =
        predictions(learner->network(), pool, some_of(samples, count - apart, apart), {apart, 1});
    parts.insert(parts.end(), rest.begin(), rest.end());
    CHECK(difference_in_bits(parts, whole) == "");
  }
}

}  // namespace

TEST_CASE("predict: samples behind whole blocks of lanes, and halves, are predicted as they are alone") {
  LearnerOptions net = conv_net();
  // Winograd's for blocks and halves, and with filters in the lanes, not all of them filled, for few samples.
  net.input_shape = {9, 11, 16};
  net.layers = {conv2d({.filters = 20, .padding = "same", .activation = "relu"}),
                conv2d({.filters = 24, .activation = "relu", .name = "conv2d_2"}), plain_layer("flatten"),
                dense({.units = 10})};
  check_rests(net, {{8, 0}, {9, 0}, {10, 2}, {12, 0}, {16, 0}, {17, 1}, {19, 3}, {22, 6}, {24, 0}, {25, 1}, {31, 0}});
  // Direct ones, which fill two thirds of the lanes by their filters.
  net.input_shape = {19, 17, 12};
  net.layers = {conv2d({.filters = 22, .strides = {2, 2}, .activation = "relu"}),
                conv2d({.filters = 21, .strides = {2, 2}, .activation = "relu", .name = "conv2d_2"}),
                plain_layer("flatten"), dense({.units = 10})};
  check_rests(net, {{16, 0}, {17, 1}, {19, 3}, {32, 0}, {33, 1}});
}

TEST_CASE("predict: several at once on one network and one pool") {
  const auto learner = make_learner(conv_net());
  const Samples samples = class_samples(20, {9, 11, 3}, 10);
  PlanPool pool;
  const std::vector<float> expected = predictions(learner->network(), pool, samples, {7, 1});
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) result = predictions(learner->network(), pool, samples, {7, 1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK(difference_in_bits(result, expected) == "");
}

TEST_CASE("predict: nothing for no samples, and an early end when stopped") {
  const auto learner = make_learner(mlp());
  PlanPool pool;
  const Samples none{.inputs = {}, .classes = {}, .values = {}, .shape = {33}};
  CHECK(predictions(learner->network(), pool, none, {5, 1}).empty());
  const std::atomic<bool> stopped{true};
  std::vector<float> outputs(50, 77.0F);
  SpareTeam team;
  predict(learner->network(), pool, class_samples(5, {33}, 10).view(), {1, 1}, stopped, team, outputs.data());
  CHECK(outputs == std::vector<float>(50, 77.0F));
}

TEST_CASE(
    "predict: channels that a normalisation scales behind their layer are those of one layer with other weights") {
  const auto norm = [](const char* name, bool scale = true, bool shift = true) {
    return batch_norm({.scale = scale, .shift = shift, .name = name});
  };
  const LearnerOptions net{
      .input_shape = {14, 13, 3},
      .layers = {conv2d({.filters = 20, .padding = "same", .bias = false, .name = "first"}), norm("norm1"),
                 plain_layer("relu"), max_pool2d({}),
                 conv2d({.filters = 20, .padding = "same", .groups = 20, .name = "depthwise"}), norm("norm2", false),
                 conv2d({.filters = 24, .kernel_size = {1, 1}, .name = "pointwise"}), norm("norm3", true, false),
                 plain_layer("tanh"), conv2d({.filters = 9, .name = "rows", .kernel = "blas"}), norm("norm4"),
                 // An activation between them keeps them apart.
                 conv2d({.filters = 6, .activation = "relu", .name = "active"}), norm("norm5"), plain_layer("flatten"),
                 dense({.units = 70, .bias = false, .name = "dense1"}), norm("norm6"), plain_layer("relu"),
                 dense({.units = 3, .name = "dense2"}), norm("norm7")}};
  const auto learner = make_learner(net);
  Network& network = learner->network();
  const Architecture& architecture = network.architecture();
  RandomData random(141);
  for (const Architecture::Parameter& parameter : architecture.parameters()) {
    float* const values = network.weights() + parameter.offset;
    const bool variance = parameter.name.ends_with("runningVariance");
    for (int64_t i = 0; i < parameter.shape.size(); ++i) {
      const float value = random.normal(1)[0];
      values[i] = variance ? 0.3F + value * value : 0.3F * value;
    }
  }
  for (const int64_t batch : {1, 5, 16, 20, 40}) {
    CAPTURE(batch);
    const Samples samples = class_samples(batch, net.input_shape, 3);
    PlanPool pool;
    const std::vector<float> predicted = predictions(network, pool, samples, {batch, 2});
    Plan layer_by_layer(network.shared_architecture(), {batch, Phase::kDifferentiating, 1});
    Team::run(1, [&](Team& team) {
      layer_by_layer.load(team, samples.view(), nullptr, 0);
      layer_by_layer.forward(team, network.weights(), {0, 0});
    });
    const std::vector<double> expected(layer_by_layer.output(), layer_by_layer.output() + predicted.size());
    CHECK(difference(predicted, expected, Tolerance{2e-5, 2e-5}) == "");
    const Plan plan(network.shared_architecture(), {batch, Phase::kPredicting, 1});
    for (const int scaled : {1, 5, 7}) CHECK(std::string(plan.describe(scaled).kernel) == "fused");
    // Many weights for few pixels, an activation, dense layers.
    for (const int apart : {10, 12, 15, 18}) CHECK(std::string(plan.describe(apart).kernel) != "fused");
  }
}
