// Every kind of layer beside its equations in double (oracles.h): first the equations' own gradients, then the layer.
// Threads: 1 to 3.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "layers/oracles.h"
#include "layers/registry.h"
#include "support/gradient_check.h"
#include "support/layer_run.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int kGradientShapes = 24;
constexpr int kShapes = 500;

// Values apart from each other and from 0 by far more than a central difference's step, in about [-3, 3]: no kinks, no
// ties.
Values smooth(RandomData& random, int64_t count) {
  const double step = 6.0 / static_cast<double>(std::max<int64_t>(count, 1));
  Values values = to_double(random.distinct(count, 1));
  for (double& v : values) v = (v - static_cast<double>(count / 2) + 0.25) * step;
  return values;
}

OracleInputs smooth_inputs(const Oracle& oracle, const Layer& layer, RandomData& random) {
  OracleInputs given{oracle.batch, {}, {}};
  const bool floats = layer.input_form() == InputForm::kFloats;
  for (const Shape& shape : oracle.inputs) {
    given.x.push_back(floats ? smooth(random, oracle.batch * shape.size()) : Values());
  }
  if (!floats) given.entries = random_entries(layer, oracle.batch, random);
  for (const ParameterSpec& parameter : layer.parameters()) {
    given.parameters.push_back(to_double(random.normal(parameter.shape.size())));
    if (parameter.name != "runningVariance") continue;
    for (double& variance : given.parameters.back()) variance = 0.5 + std::abs(variance);
  }
  return given;
}

void check_gradients(const Oracle& oracle, RandomData& random) {
  const auto layer = make_layer(oracle.spec, oracle.inputs);
  OracleInputs given = smooth_inputs(oracle, *layer, random);
  const Values dy = to_double(random.normal(oracle.batch * layer->output_shape().size()));
  const auto loss = [&] {
    const Values y = oracle.forward(given);
    return std::inner_product(y.begin(), y.end(), dy.begin(), 0.0);
  };
  const OracleGradients gradients = oracle.backward(given, dy);
  REQUIRE(gradients.x.size() == given.x.size());
  for (size_t i = 0; i < given.x.size(); ++i) CHECK(gradient_difference(gradients.x[i], given.x[i], loss) == "");
  for (size_t p = 0; p < given.parameters.size(); ++p) {
    if (layer->parameters()[p].role != ParameterRole::kTrained) continue;
    CHECK(gradient_difference(gradients.parameters.at(p), given.parameters[p], loss) == "");
  }
}

// A parameter or its gradient as the oracle has it.
Values as_in_oracle(const Oracle& oracle, const Layer& layer, size_t parameter, const std::vector<float>& stored) {
  if (!oracle.parameters_as_in_files) return to_double(stored);
  std::vector<float> file(stored.size());
  layer.to_file_layout(static_cast<int>(parameter), stored.data(), file.data());
  return to_double(file);
}

std::vector<float> to_float(const Values& values) { return {values.begin(), values.end()}; }

void check_layer(const Oracle& oracle, RandomData& random) {
  const auto layer = make_layer(oracle.spec, oracle.inputs);
  LayerCase given = oracle.numbers == Numbers::kIntegers ? integer_case(*layer, oracle.batch, random)
                                                         : normal_case(*layer, oracle.batch, random);
  given.threads = random.pick({1, 1, 1, 2, 3});
  given.offered = oracle.offered.value_or(random.pick({Layout::kRows, Layout::kLanes}));
  given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
  OracleInputs inputs{oracle.batch, {to_double(given.x)}, {}, given.entries};
  for (const auto& other : given.others) inputs.x.push_back(to_double(other));
  for (size_t p = 0; p < given.parameters.size(); ++p) {
    inputs.parameters.push_back(as_in_oracle(oracle, *layer, p, given.parameters[p]));
  }

  const LayerResult result = run_layer(*layer, given);
  const OracleGradients expected = oracle.backward(inputs, to_double(given.dy));
  CHECK(result.broken_rules == "");
  CHECK(difference(result.y, oracle.forward(inputs), oracle.outputs) == "");
  CHECK(difference(result.dx, expected.x[0], oracle.gradients) == "");
  for (size_t i = 0; i < given.others.size(); ++i) {
    CHECK(difference(result.other_gradients[i], expected.x[i + 1], oracle.gradients) == "");
  }
  for (size_t p = 0; p < given.parameters.size(); ++p) {
    if (layer->parameters()[p].role == ParameterRole::kFrozen) continue;
    const std::vector<float> gradient = to_float(as_in_oracle(oracle, *layer, p, result.gradients[p]));
    CHECK(difference(gradient, expected.parameters.at(p), oracle.gradients) == "");
  }
}

// Runs `check` on so many random cases of every kind.
template <class Check>
void for_each_oracle(uint64_t seed, int count, Sizes sizes, Check check) {
  for (const auto& [kind, make] : oracles()) {
    RandomData random(seed);
    for (int i = 0; i < count; ++i) {
      const Oracle oracle = make(random, sizes);
      CAPTURE(kind);
      CAPTURE(i);
      CAPTURE(oracle.inputs[0].to_string());
      CAPTURE(oracle.batch);
      check(oracle, random);
    }
  }
}

}  // namespace

TEST_CASE("oracles: every kind of layer in the registry has its equations, and the other way round") {
  std::vector<std::string> kinds;
  for (const auto& [kind, make] : oracles()) kinds.push_back(kind);
  CHECK(kinds == layer_kinds());
}

TEST_CASE("oracles: the equations' gradients against central differences in double, 24 shapes a kind") {
  for_each_oracle(301, kGradientShapes, Sizes::kTiny, check_gradients);
}

TEST_CASE("oracles: layers agree with their equations over 500 shapes a kind, integers exactly where float can") {
  for_each_oracle(302, kShapes, Sizes::kAny, check_layer);
}
