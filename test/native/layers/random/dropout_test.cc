// Threads: 1 to 3.
#include "layers/random/dropout.h"

#include <doctest/doctest.h>

#include <cmath>

#include "common/random.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

LayerCase ones(const Layer& layer, int64_t batch) {
  const auto count = static_cast<size_t>(batch * layer.input_shape().size());
  return {
      .batch = batch, .x = std::vector<float>(count, 1.0F), .dy = std::vector<float>(count, 1.0F), .parameters = {}};
}

std::vector<float> mask(const Layer& layer, int64_t batch, uint64_t seed, uint64_t step, int threads = 1) {
  LayerCase given = ones(layer, batch);
  given.seed = seed;
  given.step = step;
  given.threads = threads;
  return run_layer(layer, given).y;
}

}  // namespace

TEST_CASE("dropout: drops at the rate, scales the rest, passes gradients through the same mask") {
  RandomData random(131);
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    CAPTURE(rate);
    const Dropout layer(dropout(rate), {50, 7, 10});
    LayerCase given = normal_case(layer, 20, random);
    for (float& v : given.x) v += v == 0 ? 1.0F : 0.0F;
    given.seed = 3;
    const LayerResult result = run_layer(layer, given);
    CHECK(result.broken_rules == "");
    const auto scale = static_cast<float>(1 / (1 - rate));
    std::vector<float> y(given.x.size());
    std::vector<float> dx(given.x.size());
    int64_t dropped = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      const bool drop = result.y[i] == 0;
      dropped += drop ? 1 : 0;
      y[i] = drop ? 0 : given.x[i] * scale;
      dx[i] = drop ? 0 : given.dy[i] * scale;
    }
    CHECK(difference_in_bits(result.y, y) == "");
    CHECK(difference_in_bits(result.dx, dx) == "");
    // Four standard deviations of a binomial count.
    const auto count = static_cast<double>(y.size());
    CHECK(std::abs(static_cast<double>(dropped) - rate * count) <= 4 * std::sqrt(count * rate * (1 - rate)));
  }
}

TEST_CASE("dropout: predicting is the identity, without work") {
  RandomData random(132);
  const Dropout layer(dropout(0.5), {33});
  LayerCase given = normal_case(layer, 7, random);
  given.phase = Phase::kPredicting;
  CHECK(difference_in_bits(run_layer(layer, given).y, given.x) == "");
  CHECK(layer.needs({7, Phase::kPredicting, 1}).aliases_input);
}

TEST_CASE("dropout: the mask is a function of seed, layer name, step and position") {
  const Dropout layer(dropout(0.5), {3000});
  const Dropout twin(dropout(0.5), {3000});
  const Dropout other(dropout(0.5, "dropout_2"), {3000});
  const std::vector<float> first = mask(layer, 7, 1, 0);
  CHECK(mask(twin, 7, 1, 0) == first);
  CHECK(mask(layer, 7, 1, 0, 3) == first);
  CHECK(mask(layer, 7, 2, 0) != first);
  CHECK(mask(layer, 7, 1, 1) != first);
  CHECK(mask(other, 7, 1, 0) != first);
  // A smaller batch of the same step sees the beginning of the same mask.
  const std::vector<float> part = mask(layer, 3, 1, 0);
  CHECK(std::equal(part.begin(), part.end(), first.begin()));
}

TEST_CASE("dropout: word i of the layer's stream decides on value i") {
  const Dropout layer(dropout(0.25), {1001});
  uint32_t stream = 2166136261U;  // 32-bit FNV-1a of the layer's name, of which 24 bits count
  for (const char c : layer.name()) stream = (stream ^ static_cast<unsigned char>(c)) * 16777619U;
  const RandomStream random(9, RandomPurpose::kDropout, stream & 0xFFFFFF, 4);
  std::vector<float> expected(3 * 1001);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = random.word(i) < 0x40000000 ? 0.0F : 4.0F / 3;
  CHECK(difference_in_bits(mask(layer, 3, 9, 4), expected) == "");
}

TEST_CASE("dropout: rates outside of [0, 1) are refused") {
  for (const double rate : {-0.1, 1.0, 2.0, std::nan("")}) {
    CAPTURE(rate);
    CHECK(contains(error_of([&] { Dropout(dropout(rate), {4}); }),
                   "INVALID_SPEC: dropout \"dropout_1\": rate must be in [0, 1)"));
  }
}
