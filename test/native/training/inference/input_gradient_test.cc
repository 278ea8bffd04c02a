// Threads: 1, 2 and 3.
#include "training/inference/input_gradient.h"

#include <doctest/doctest.h>

#include <cmath>

#include "support/compare.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

const std::atomic<bool> kNever{false};

struct Result {
  std::vector<float> values;
  std::vector<float> gradients;
};

Result differentiate(Network& network, const ArraySamples& samples, const Differentiand& differentiand,
                     const PassOptions& options) {
  Result result{
      std::vector<float>(static_cast<size_t>(samples.count()), 77.0F),
      std::vector<float>(static_cast<size_t>(samples.count() * network.architecture().input_shape().size()), 77.0F)};
  input_gradient(network, samples, differentiand, options, kNever, result.values.data(), {{result.gradients.data()}});
  return result;
}

// Conv net without kinks, with layers that are random or keep statistics only while training.
LearnerOptions smooth_net() {
  return {.input_shape = {5, 7, 3},
          .layers = {conv2d({.filters = 6, .padding = "same", .activation = "tanh"}), dropout(0.5),
                     average_pool2d({.padding = "same"}), plain_layer("flatten"),
                     dense({.units = 4, .activation = "sigmoid", .name = "dense_1"}), dropout(0.3, "dropout_2"),
                     dense({.units = 3, .name = "dense_2"})}};
}

std::vector<int64_t> cycle(int64_t count, int64_t outputs) {
  std::vector<int64_t> places;
  for (int64_t i = 0; i < count; ++i) places.push_back(i % outputs);
  return places;
}

// The samples with value `at` of each moved by `h`.
Samples moved(const Samples& samples, int64_t at, float h) {
  Samples result = samples;
  for (size_t i = static_cast<size_t>(at); i < result.inputs.size(); i += static_cast<size_t>(samples.shape.size())) {
    result.inputs[i] += h;
  }
  return result;
}

// Central differences of `values` by every value of a sample against the gradients. Floats limit h, and so the
// agreement.
void check_differences(Network& network, const Samples& samples, const Differentiand& differentiand) {
  const Result result = differentiate(network, samples.view(), differentiand, {4, 1});
  constexpr float kStep = 1.0F / 64;
  const int64_t size = samples.shape.size();
  for (int64_t at = 0; at < size; at += 8) {
    CAPTURE(at);
    const Samples above = moved(samples, at, kStep);
    const Samples below = moved(samples, at, -kStep);
    const Result high = differentiate(network, above.view(), differentiand, {4, 1});
    const Result low = differentiate(network, below.view(), differentiand, {4, 1});
    for (size_t i = 0; i < result.values.size(); ++i) {
      const double difference = (static_cast<double>(high.values[i]) - low.values[i]) / (2 * kStep);
      CHECK(result.gradients[i * static_cast<size_t>(size) + static_cast<size_t>(at)] ==
            doctest::Approx(difference).epsilon(2e-3).scale(0.1));
    }
  }
}

}  // namespace

TEST_CASE("input_gradient: agrees with differences of the outputs and of each sample's loss") {
  const auto learner = make_learner(smooth_net());
  const Samples samples = class_samples(9, {5, 7, 3}, 3);
  check_differences(learner->network(), samples, {cycle(9, 3), nullptr});
  check_differences(learner->network(), samples, {{}, learner->objective()});
}

TEST_CASE("input_gradient: values are the outputs of a prediction to the bit, losses those of an evaluation of one") {
  for (const auto& net : {mlp(), conv_net()}) {
    const auto learner = make_learner(net);
    const Samples samples = class_samples(20, net.input_shape, 10);
    const ArraySamples view = samples.view();
    PlanPool pool;
    std::vector<float> outputs(200);
    SpareTeam team;
    // Of 20 in lanes, predictions would make two batches.
    predict(learner->network(), pool, view, {16, 1}, kNever, team, outputs.data());
    const Result scores = differentiate(learner->network(), view, {cycle(20, 10), nullptr}, {16, 1});
    const Result losses = differentiate(learner->network(), view, {{}, learner->objective()}, {16, 1});
    for (size_t i = 0; i < 20; ++i) {
      CHECK(scores.values[i] == outputs[i * 10 + i % 10]);
      double sum = 0;
      for (size_t j = 0; j < 10; ++j) sum += std::exp(static_cast<double>(outputs[i * 10 + j]));
      const double loss = std::log(sum) - outputs[i * 10 + static_cast<size_t>(samples.classes[i])];
      CHECK(losses.values[i] == doctest::Approx(loss).epsilon(1e-5));
    }
    const Result together = differentiate(learner->network(), view, {cycle(20, 10), nullptr}, {20, 1});
    for (size_t i = 0; i < 20; ++i)
      CHECK(together.values[i] == doctest::Approx(outputs[i * 10 + i % 10]).epsilon(1e-4));
  }
}

TEST_CASE("input_gradient: any batch size, the same bits on any number of threads, and nothing changes") {
  for (const auto& net : {mlp(), conv_net()}) {
    const auto learner = make_learner(net);
    const Samples samples = class_samples(37, net.input_shape, 10);
    const std::vector<float> before = state_of(*learner);
    const Differentiand scores{cycle(37, 10), nullptr};
    const Result whole = differentiate(learner->network(), samples.view(), scores, {37, 1});
    for (const int64_t batch : {1, 7, 20, 1000}) {
      CAPTURE(batch);
      const Result one = differentiate(learner->network(), samples.view(), scores, {batch, 1});
      CHECK(difference(one.gradients, to_double(whole.gradients), Tolerance{1e-4, 1e-5}) == "");
      for (const int threads : {2, 3}) {
        const Result result = differentiate(learner->network(), samples.view(), scores, {batch, threads});
        CHECK(difference_in_bits(result.gradients, one.gradients) == "");
        CHECK(difference_in_bits(result.values, one.values) == "");
      }
    }
    CHECK(difference_in_bits(state_of(*learner), before) == "");
  }
}

TEST_CASE("input_gradient: by the stored values, so that the preprocessing's factors are in it") {
  const auto learner = make_learner(mlp());
  const std::vector<uint8_t> bytes(66, 3);
  std::vector<float> floats(66);
  ArrayDescription description;
  description.inputs = {InputArray::Type::kUint8, bytes.data(), 66};
  description.count = 2;
  description.scale.assign(1, 0.25F);
  description.shift.assign(1, -1.0F);
  for (size_t i = 0; i < 66; ++i) floats[i] = 0.25F * 3 - 1;
  const Samples plain{floats, {0, 0}, {}, {33}};
  const Differentiand scores{{1, 2}, nullptr};
  const Result raw = differentiate(learner->network(), ArraySamples(description, {33}), scores, {2, 1});
  const Result seen = differentiate(learner->network(), plain.view(), scores, {2, 1});
  CHECK(difference_in_bits(raw.values, seen.values) == "");
  for (size_t i = 0; i < 66; ++i) CHECK(raw.gradients[i] == 0.25F * seen.gradients[i]);
}

TEST_CASE("input_gradient: no samples, and a stop before the first batch") {
  const auto learner = make_learner(mlp());
  Samples samples = class_samples(3, {33}, 10);
  const std::atomic<bool> stop{true};
  std::vector<float> values(3, 77.0F);
  std::vector<float> gradients(99, 77.0F);
  input_gradient(learner->network(), samples.view(), {{0, 0, 0}, nullptr}, {2, 1}, stop, values.data(),
                 {{gradients.data()}});
  CHECK(values == std::vector<float>(3, 77.0F));
  CHECK(gradients == std::vector<float>(99, 77.0F));
}
