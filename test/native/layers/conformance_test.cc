// What every layer must do. Every kind in the registry has an example here; one without fails.
// Threads: 1, 2, 3 and 8.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <numeric>

#include "common/checked.h"
#include "layers/registry.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Example {
  Spec::Object spec;
  Shape input;
  int inputs = 1;

  std::vector<Shape> input_shapes() const { return std::vector<Shape>(static_cast<size_t>(inputs), input); }
};

const std::multimap<std::string, Example>& examples() {
  static const std::multimap<std::string, Example> table = {
      {"add", {plain_layer("add"), {20, 20, 33}, 2}},
      {"add", {plain_layer("add"), {5}, 3}},
      {"averagePool2d", {average_pool2d({.pool_size = {3, 3}, .padding = "same"}), {7, 7, 10}}},
      {"batchNorm", {batch_norm({}), {5, 7, 3}}},
      {"batchNorm", {batch_norm({.momentum = 0.3}), {33}}},
      {"batchNorm", {batch_norm({.scale = false, .shift = false}), {20, 20, 33}}},
      {"batchNorm", {batch_norm({.statistics = "running"}), {7, 7, 10}}},
      {"concat", {concat(), {20, 20, 33}, 2}},
      {"concat", {concat(0), {5, 7}, 3}},
      {"conv2d", {conv2d({.filters = 10, .padding = "same", .groups = 2, .activation = "tanh"}), {5, 7, 4}}},
      {"conv2d", {conv2d({.filters = 20, .kernel_size = {1, 1}, .activation = "sigmoid"}), {15, 15, 33}}},
      {"conv2d", {conv2d({.filters = 33, .padding = "same", .activation = "tanh"}), {2, 2, 32}}},
      {"conv2d", {conv2d({.filters = 32, .kernel_size = {5, 5}, .strides = {2, 2}, .bias = false}), {28, 28, 3}}},
      {"conv2d", {conv2d({.filters = 33, .padding = "same", .kernel = "winograd"}), {14, 9, 20}}},
      {"conv2d", {conv2d({.filters = 6, .groups = 2, .activation = "tanh", .kernel = "winograd"}), {7, 7, 4}}},
      {"conv2d", {conv2d({.filters = 9, .dilation = {2, 3}, .padding = "same", .kernel = "winograd"}), {9, 14, 5}}},
      {"conv2d", {conv2d({.filters = 33, .kernel_size = {1, 3}, .padding = "same", .kernel = "winograd"}), {9, 14, 5}}},
      {"conv2d", {conv2d({.filters = 9, .kernel_size = {4, 7}, .padding = "same", .kernel = "winograd"}), {9, 14, 5}}},
      {"conv2d", {conv2d({.filters = 33, .kernel_size = {5, 4}, .strides = {2, 2}, .kernel = "winograd"}), {9, 14, 5}}},
      {"dense", {dense({.units = 10, .activation = "tanh"}), {33}}},
      {"dense", {dense({.units = 130, .bias = false}), {700}}},
      {"dense", {dense({.units = 70, .activation = "softmax"}), {20}}},
      {"dense", {dense({.units = 333, .kernel = "blas"}), {300}}},
      {"dot", {plain_layer("dot"), {7, 33}, 2}},
      {"dot", {plain_layer("dot"), {385}, 2}},
      {"dotInteraction", {plain_layer("dotInteraction"), {7, 33}}},
      {"dotInteraction", {plain_layer("dotInteraction"), {27, 16}}},
      {"dropout", {dropout(0.3), {7, 7, 10}}},
      {"elu", {elu(0.5), {7, 33}}},
      {"embedding", {embedding({.rows = 9, .units = 7}), {5}}},
      {"embedding", {embedding({.rows = 50, .units = 33}), {3}}},
      {"embeddingBag", {embedding_bag({.units = 1, .pooling = "sum"}), {20}}},
      {"embeddingBag", {embedding_bag({.units = 33, .pooling = "mean", .padding_id = 0}), {9}}},
      {"embeddingBag", {embedding_bag({.units = 10, .pooling = "max"}), {700}}},
      {"embeddingBag", {embedding_bag({.units = 385, .pooling = "mean", .rows = 50, .padding_id = 3}), {4}}},
      {"factorizationMachine", {plain_layer("factorizationMachine"), {7, 33}}},
      {"factorizationMachine", {plain_layer("factorizationMachine"), {2, 7}}},
      {"flatten", {plain_layer("flatten"), {5, 7, 3}}},
      {"gaussianNoise", {gaussian_noise(0.5), {7, 7, 10}}},
      {"gelu", {gelu("none"), {5, 33}}},
      {"gelu", {gelu("tanh"), {20, 20, 33}}},
      {"globalAveragePool2d", {plain_layer("globalAveragePool2d"), {7, 5, 10}}},
      {"globalMaxPool2d", {plain_layer("globalMaxPool2d"), {7, 5, 10}}},
      {"inBatchNegatives", {in_batch_negatives(10), {33}, 2}},
      {"layerNorm", {layer_norm({}), {33}}},
      {"layerNorm", {layer_norm({.axes = 3}), {7, 7, 10}}},
      {"layerNorm", {layer_norm({.axes = 2, .shift = false}), {20, 20, 33}}},
      {"leakyRelu", {leaky_relu(0.1), {20, 7, 3}}},
      {"logSoftmax", {plain_layer("logSoftmax"), {5, 10}}},
      {"maxPool2d", {max_pool2d({.pool_size = {3, 3}, .padding = "same"}), {7, 7, 10}}},
      {"multiply", {plain_layer("multiply"), {20, 20, 33}, 2}},
      {"multiply", {plain_layer("multiply"), {5}, 3}},
      {"relu", {plain_layer("relu"), {20, 20, 33}}},
      {"reshape", {reshape({5, -1}), {7, 3, 5}}},
      {"sigmoid", {plain_layer("sigmoid"), {33}}},
      {"silu", {plain_layer("silu"), {7, 33}}},
      {"softmax", {plain_layer("softmax"), {5, 10}}},
      {"softplus", {plain_layer("softplus"), {7, 33}}},
      {"sparseDense", {sparse_dense({.units = 1, .activation = "sigmoid"}), {20}}},
      {"sparseDense", {sparse_dense({.units = 70, .activation = "softmax"}), {33}}},
      {"sparseDense", {sparse_dense({.units = 7, .bias = false}), {700}}},
      {"spatialDropout", {spatial_dropout(0.3), {7, 7, 10}}},
      {"tanh", {plain_layer("tanh"), {7, 3}}},
      {"threshold", {threshold(0.25, -0.5), {7, 33}}},
      {"upsample2d", {upsample2d({2, 3}), {5, 7, 3}}},
      {"zeroPad2d", {zero_pad2d({1, 0, 2, 3}), {5, 7, 3}}},
  };
  return table;
}

// Runs `check` on the layer of every example, for inputs that come in rows and in lanes.
void for_each_layer(const std::function<void(const Layer&, Layout offered)>& check) {
  for (const auto& [kind, example] : examples()) {
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      CAPTURE(kind);
      CAPTURE(std::string(layout_name(offered)));
      check(*make_layer(example.spec, example.input_shapes()), offered);
    }
  }
}

// Inputs whose values keep away from the kinks and ties of relu and max pooling.
LayerCase smooth_case(const Layer& layer, int64_t batch, RandomData& random) {
  LayerCase given = normal_case(layer, batch, random);
  const auto count = static_cast<int64_t>(given.x.size());
  if (count > 0) given.x = random.distinct(count, 4.0F / static_cast<float>(count));
  for (float& v : given.x) v += 1.0F / static_cast<float>(count);
  for (auto& parameter : given.parameters) {
    for (float& v : parameter) v *= 0.2F;
  }
  return given;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void add_scaled(std::vector<float>& values, double factor, const std::vector<float>& direction) {
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(values[i] + factor * direction[i]);
  }
}

// The gradient along one direction of the inputs and parameters: <gradient, v> against (f(x + h v) - f(x - h
// v)) / 2h of f = <y, dy>. The floats of f limit h, and so the agreement, to some 1e-3.
void check_directional_derivative(const Layer& layer, Layout offered, Phase phase, RandomData& random) {
  LayerCase given = smooth_case(layer, 9, random);
  given.offered = offered;
  given.phase = phase;
  const LayerResult result = run_layer(layer, given);
  // Layers without parameters may have kinks: half the distance between two inputs stays clear of them.
  const double h = layer.parameters().empty() ? 0.4 / static_cast<double>(given.x.size()) : 1e-3;
  const auto check = [&](const std::vector<float>& gradient,
                         const std::function<std::vector<float>&(LayerCase&)>& part) {
    std::vector<float> direction(gradient.size());
    for (float& v : direction) v = random.integer(0, 1) == 0 ? -1.0F : 1.0F;
    LayerCase above = given;
    add_scaled(part(above), h, direction);
    LayerCase below = given;
    add_scaled(part(below), -h, direction);
    const double difference =
        (dot(run_layer(layer, above).y, given.dy) - dot(run_layer(layer, below).y, given.dy)) / (2 * h);
    const double size = std::sqrt(dot(gradient, gradient));
    CHECK(dot(gradient, direction) == doctest::Approx(difference).epsilon(0.02).scale(size));
  };
  if (!result.dx.empty()) check(result.dx, [](LayerCase& c) -> std::vector<float>& { return c.x; });
  for (size_t i = 0; i < given.others.size(); ++i) {
    check(result.other_gradients[i], [i](LayerCase& c) -> std::vector<float>& { return c.others[i]; });
  }
  for (size_t p = 0; p < given.parameters.size(); ++p) {
    if (layer.parameters()[p].role != ParameterRole::kTrained) continue;
    check(result.gradients[p], [p](LayerCase& c) -> std::vector<float>& { return c.parameters[p]; });
  }
}

}  // namespace

TEST_CASE("layers: every kind in the registry has an example, and the other way round") {
  std::vector<std::string> kinds;
  for (auto it = examples().begin(); it != examples().end(); it = examples().upper_bound(it->first)) {
    kinds.push_back(it->first);
  }
  CHECK(kinds == layer_kinds());
  CHECK(error_of([] { gradloom::make_layer(plain_layer("flaten"), {3}); }) ==
        "UNKNOWN_KIND: there is no layer of kind \"flaten\"");
}

TEST_CASE("layers: keep the rules of memory and gradients for awkward batches, in training and predicting") {
  RandomData random(151);
  for_each_layer([&](const Layer& layer, Layout offered) {
    for (const int64_t batch : {1, 7, 20, 33}) {
      for (const auto place : {GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink}) {
        CAPTURE(batch);
        LayerCase given = normal_case(layer, batch, random);
        given.offered = offered;
        given.place = place;
        const LayerResult result = run_layer(layer, given);
        CHECK(result.broken_rules == "");
        const auto all_finite = [](const std::vector<float>& values) {
          return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
        };
        CHECK(all_finite(result.y));
        CHECK(all_finite(result.dx));
        CHECK(std::all_of(result.gradients.begin(), result.gradients.end(), all_finite));
        given.phase = Phase::kPredicting;
        CHECK(run_layer(layer, given).broken_rules == "");
      }
    }
  });
}

TEST_CASE("layers: equal bits at 1, 2, 3 and 8 threads, for both places of the gradient, with and without dx") {
  RandomData random(152);
  for_each_layer([&](const Layer& layer, Layout offered) {
    LayerCase given = normal_case(layer, 33, random);
    given.offered = offered;
    const LayerResult expected = run_layer(layer, given);
    for (const int threads : {1, 2, 3, 8}) {
      for (const auto place : {GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink}) {
        for (const bool input_gradient : {true, false}) {
          CAPTURE(threads);
          given.threads = threads;
          given.place = place;
          given.input_gradient = input_gradient;
          const LayerResult result = run_layer(layer, given);
          CHECK(difference_in_bits(result.y, expected.y) == "");
          if (input_gradient) CHECK(difference_in_bits(result.dx, expected.dx) == "");
          for (size_t i = 0; i < result.other_gradients.size(); ++i) {
            CHECK(difference_in_bits(result.other_gradients[i], expected.other_gradients[i]) == "");
          }
          for (size_t p = 0; p < expected.gradients.size(); ++p) {
            CHECK(difference_in_bits(result.gradients[p], expected.gradients[p]) == "");
          }
        }
      }
    }
  });
}

TEST_CASE("layers: fewer threads than a plan counts on, as a system may give, need no more memory") {
  for_each_layer([](const Layer& layer, Layout offered) {
    const int64_t channels = layer.input_shape().rank() > 0 ? layer.input_shape().back() : 1;
    const ImageBlocks blocks{layer.input_shape().size() / channels, channels};
    for (const int64_t batch : {1, 33, 300}) {
      for (int threads = 1; threads < 8; ++threads) {
        CAPTURE(batch);
        CAPTURE(threads);
        const auto needs = [&](int of) {
          return layer.needs({batch, Phase::kTraining, of, layer.layout(batch, offered), blocks});
        };
        CHECK(needs(threads).forward_scratch <= needs(threads + 1).forward_scratch);
        CHECK(needs(threads).backward_scratch <= needs(threads + 1).backward_scratch);
      }
    }
  });
}

TEST_CASE("layers: equal bits where the vectors of the output have a gap between them, of those that take one") {
  RandomData random(157);
  int taking = 0;
  for_each_layer([&](const Layer& layer, Layout offered) {
    if (!layer.takes_gap()) return;
    ++taking;
    for (const int64_t batch : {1, 7, 33, 600}) {
      CAPTURE(batch);
      LayerCase given = normal_case(layer, batch, random);
      given.offered = offered;
      const LayerResult expected = run_layer(layer, given);
      for (const int64_t gap : {1, 16, 50}) {
        CAPTURE(gap);
        given.y_gap = gap;
        given.threads = gap == 16 ? 2 : 1;
        const LayerResult result = run_layer(layer, given);
        CHECK(result.broken_rules == "");
        CHECK(difference_in_bits(result.y, expected.y) == "");
        for (size_t p = 0; p < expected.gradients.size(); ++p) {
          CHECK(difference_in_bits(result.gradients[p], expected.gradients[p]) == "");
        }
      }
    }
  });
  CHECK(taking > 0);
}

TEST_CASE("layers: gradients agree with directional derivatives of the layer itself") {
  for_each_layer([&](const Layer& layer, Layout offered) {
    // Its own, so that a new example does not give all that follow other numbers.
    RandomData random(153);
    for (const Phase phase : {Phase::kTraining, Phase::kDifferentiating}) {
      check_directional_derivative(layer, offered, phase, random);
    }
  });
}

TEST_CASE("layers: a plan that differentiates predicts to the bit, and keeps the rules") {
  RandomData random(156);
  for_each_layer([&](const Layer& layer, Layout offered) {
    for (const int64_t batch : {1, 7, 20}) {
      CAPTURE(batch);
      LayerCase given = normal_case(layer, batch, random);
      given.offered = offered;
      given.phase = Phase::kDifferentiating;
      const LayerResult result = run_layer(layer, given);
      CHECK(result.broken_rules == "");
      given.phase = Phase::kPredicting;
      CHECK(difference_in_bits(result.y, run_layer(layer, given).y) == "");
    }
  });
}

TEST_CASE("layers: samples without a dimension are refused") {
  for (const auto& [kind, example] : examples()) {
    CAPTURE(kind);
    const std::vector<Shape> none(static_cast<size_t>(example.inputs));
    const std::string error = error_of([&, &spec = example.spec] { gradloom::make_layer(spec, none); });
    CHECK(contains(error, "SHAPE_MISMATCH: " + kind + " \""));
    // Pooling asks for an image before anything else.
    CHECK((contains(error, "takes samples of at least one dimension, got the shape []") ||
           contains(error, "takes images [height, width, channels], got samples of shape []")));
  }
}

TEST_CASE("layers: a frozen one changes no parameter and gives the gradient of its input alone") {
  RandomData random(156);
  for (const auto& [kind, example] : examples()) {
    const auto trained = make_layer(example.spec, example.input_shapes());
    const auto layer = make_layer(frozen(example.spec), example.input_shapes());
    if (trained->parameters().empty()) continue;
    CHECK(trained->learns());
    CHECK_FALSE(layer->learns());
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      CAPTURE(kind);
      LayerCase given = normal_case(*layer, 20, random);
      given.offered = offered;
      const LayerResult result = run_layer(*layer, given);
      CHECK(result.broken_rules == "");
      given.input_gradient = false;
      CHECK(run_layer(*layer, given).broken_rules == "");
      // Its training is its predicting, up to what is random, and its gradient that of the layer that trains.
      given.phase = Phase::kPredicting;
      CHECK(difference_in_bits(run_layer(*layer, given).y, result.y) == "");
      if (kind == "batchNorm") continue;  // which then uses other statistics
      given.phase = Phase::kTraining;
      given.input_gradient = true;
      CHECK(difference_in_bits(run_layer(*trained, given).dx, result.dx) == "");
    }
  }
}

TEST_CASE("layers: a sample's prediction does not depend on the samples beside it") {
  RandomData random(154);
  for_each_layer([&](const Layer& layer, Layout offered) {
    LayerCase given = normal_case(layer, 9, random);
    given.offered = offered;
    given.phase = Phase::kPredicting;
    const std::vector<float> together = run_layer(layer, given).y;
    std::vector<float> one_by_one;
    for (int64_t n = 0; n < 9; ++n) {
      LayerCase single = given;
      single.batch = 1;
      const auto sample = [n](const std::vector<float>& values, const Shape& shape) {
        return std::vector<float>(values.begin() + n * shape.size(), values.begin() + (n + 1) * shape.size());
      };
      if (layer.input_form() == InputForm::kFloats) {
        single.x = sample(given.x, layer.input_shape());
      } else {
        single.entries = given.entries.sample(n);
      }
      for (size_t i = 0; i < given.others.size(); ++i) {
        single.others[i] = sample(given.others[i], layer.other_input_shapes()[i]);
      }
      const std::vector<float> y = run_layer(layer, single).y;
      one_by_one.insert(one_by_one.end(), y.begin(), y.end());
    }
    // Another batch may cut a product otherwise: not the same bits, but within the error of its sums.
    CHECK(difference(together, to_double(one_by_one), Tolerance{1e-5, 1e-4}) == "");
  });
}

TEST_CASE("layers: file layout and back is the identity, of the parameter's size") {
  RandomData random(155);
  for_each_layer([&](const Layer& layer, Layout) {
    for (size_t p = 0; p < layer.parameters().size(); ++p) {
      const std::vector<float> stored = random.normal(layer.parameters()[p].shape.size());
      std::vector<float> file(stored.size());
      std::vector<float> back(stored.size());
      layer.to_file_layout(static_cast<int>(p), stored.data(), file.data());
      layer.from_file_layout(static_cast<int>(p), file.data(), back.data());
      CHECK(difference_in_bits(back, stored) == "");
      std::vector<float> sorted = stored;
      std::sort(sorted.begin(), sorted.end());
      std::sort(file.begin(), file.end());
      CHECK(file == sorted);  // a permutation
    }
  });
}

TEST_CASE("layers: every attribute is required, and an error names it") {
  for (const auto& [kind, example] : examples()) {
    for (const auto& [attribute, value] : example.spec) {
      CAPTURE(kind);
      CAPTURE(attribute);
      Spec::Object spec = example.spec;
      spec.erase(attribute);
      // Layers without parameters have no "trainable".
      if (attribute != "trainable") {
        CHECK(error_of([&] { gradloom::make_layer(spec, example.input_shapes()); }) ==
              "INVALID_SPEC: attribute \"" + attribute + "\" is missing");
      }
      spec.emplace(attribute, Spec());
      CHECK(contains(error_of([&] { gradloom::make_layer(spec, example.input_shapes()); }),
                     "INVALID_SPEC: attribute \"" + attribute + "\" must be"));
    }
  }
}

TEST_CASE("layers: batches beyond any memory are refused when the plan is made") {
  for_each_layer([](const Layer& layer, Layout) {
    const LayerNeeds needs = layer.needs({1, Phase::kTraining, 1});
    CHECK(needs.kernel[0] != '\0');
    CHECK(needs.saved >= 0);
    if (layer.parameters().empty() && needs.saved == 0) return;
    // What tables need follows the entries, which are there already.
    if (layer.input_form() != InputForm::kFloats && needs.saved == 0) return;
    CHECK(contains(error_of([&] { layer.needs({kMaxElements, Phase::kTraining, 1}); }), "SHAPE_TOO_LARGE"));
  });
}
