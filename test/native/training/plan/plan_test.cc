// Threads: 1 and 3.
#include "training/plan/plan.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/compare.h"
#include "support/layer_run.h"
#include "support/specs.h"
#include "support/training.h"
#include "training/inference/differentiate.h"
#include "training/step/gradient_sinks.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr RandomState kRandom{7, 3};

std::shared_ptr<Network> make_network(const LearnerOptions& options) {
  return std::make_shared<Network>(std::make_shared<const Architecture>(options.input_shape, options.layers), 1);
}

// The same layers without dropout, whose training and predicting differ.
LearnerOptions without_dropout(LearnerOptions options) {
  std::erase_if(options.layers, [](const Spec& layer) { return layer.string("kind") == "dropout"; });
  return options;
}

std::vector<float> outputs(Network& network, Phase phase, const std::vector<float>& x, int64_t batch, int threads) {
  Plan plan(network.shared_architecture(), {batch, phase, threads});
  const Samples samples{.inputs = x,
                        .classes = std::vector<int32_t>(static_cast<size_t>(batch)),
                        .values = {},
                        .shape = network.architecture().inputs().front().shape};
  std::vector<float> y(static_cast<size_t>(batch * network.architecture().output_shape().size()));
  Team::run(threads, [&](Team& team) {
    for (int repeat = 0; repeat < 2; ++repeat) {  // the second run finds what the first one left in the workspace
      plan.load(team, samples.view(), nullptr, 0);
      if (phase == Phase::kPredicting) plan.prepare(team, network);
      plan.forward(team, network.weights(), kRandom);
    }
  });
  std::copy_n(plan.output(), y.size(), y.begin());
  return y;
}

// Layer by layer with memory of its own for everything: what a plan that shares memory must equal.
struct Unshared {
  std::vector<float> y, dx;
  std::vector<std::vector<float>> gradients;  // in file layout, in the order of the parameters
};

Unshared run_unshared(Network& network, int64_t batch, const std::vector<float>& x, const std::vector<float>& dy) {
  const Architecture& a = network.architecture();
  const auto layer_case = [&](size_t i, const std::vector<float>& gradient) {
    const Layer& layer = *a.layers()[i];
    LayerCase given{
        .batch = batch, .x = {}, .dy = gradient, .parameters = {}, .seed = kRandom.seed, .step = kRandom.step};
    for (size_t p = 0; p < layer.parameters().size(); ++p) {
      const auto& parameter = a.parameters()[static_cast<size_t>(a.first_parameter(static_cast<int>(i))) + p];
      const float* values = network.weights() + parameter.offset;
      given.parameters.emplace_back(values, values + parameter.shape.size());
    }
    return given;
  };
  // By value: what it is, in which layout the plan has it, and its gradient so far.
  std::vector<std::vector<float>> values = {x};
  std::vector<Layout> layouts = {Layout::kRows};
  std::vector<Shape> images = {a.inputs()[0].shape};
  const auto read = [&](LayerCase given, size_t i) {
    const std::vector<int>& inputs = a.inputs_of(static_cast<int>(i));
    const auto first = static_cast<size_t>(inputs[0]);
    given.x = values[first];
    if (images[first] == a.layers()[i]->input_shape() || a.layers()[i]->takes_blocks()) given.offered = layouts[first];
    given.image = images[first];
    for (size_t k = 1; k < inputs.size(); ++k) given.others.push_back(values[static_cast<size_t>(inputs[k])]);
    return given;
  };
  for (size_t i = 0; i < a.layers().size(); ++i) {
    const std::vector<float> zeros(static_cast<size_t>(batch * a.layers()[i]->output_shape().size()));
    const Layer& layer = *a.layers()[i];
    const LayerCase given = read(layer_case(i, zeros), i);
    values.push_back(run_layer(layer, given).y);
    const Layout layout = layer.layout(batch, given.offered);
    layouts.push_back(layer.output_layout(layout));
    const bool flattens = layer.kind() == "flatten" && layout == Layout::kLanes;
    images.push_back(flattens ? given.image : layer.output_shape());
  }
  std::vector<std::vector<float>> gradients(values.size());
  gradients.back() = dy;
  const auto add_to = [&](int value, const std::vector<float>& part) {
    std::vector<float>& total = gradients[static_cast<size_t>(value)];
    if (total.empty()) total.assign(part.size(), 0.0F);
    for (size_t i = 0; i < part.size(); ++i) total[i] += part[i];
  };
  Unshared result{.y = values.back(), .dx = {}, .gradients = {}};
  for (size_t i = a.layers().size(); i-- > 0;) {
    const LayerResult layer = run_layer(*a.layers()[i], read(layer_case(i, gradients[i + 1]), i));
    const std::vector<int>& inputs = a.inputs_of(static_cast<int>(i));
    add_to(inputs[0], layer.dx);
    for (size_t k = 1; k < inputs.size(); ++k) add_to(inputs[k], layer.other_gradients[k - 1]);
    for (size_t p = layer.gradients.size(); p-- > 0;) {
      std::vector<float> file(layer.gradients[p].size());
      a.layers()[i]->to_file_layout(static_cast<int>(p), layer.gradients[p].data(), file.data());
      result.gradients.insert(result.gradients.begin(), file);
    }
  }
  result.dx = gradients.front();
  return result;
}

}  // namespace

TEST_CASE("Plan: without dropout, training and predicting give the same bits") {
  for (const auto& net : {without_dropout(mlp()), without_dropout(conv_net("blas")),
                          without_dropout(conv_net("direct")), without_dropout(conv_net("winograd"))}) {
    const auto network = make_network(net);
    for (const int64_t batch : {1, 7, 33}) {
      CAPTURE(batch);
      const std::vector<float> x = RandomData(601).normal(batch * net.input_shape.size());
      const std::vector<float> y = outputs(*network, Phase::kTraining, x, batch, 1);
      CHECK(difference_in_bits(outputs(*network, Phase::kPredicting, x, batch, 1), y) == "");
      CHECK(difference_in_bits(outputs(*network, Phase::kPredicting, x, batch, 3), y) == "");
    }
  }
}

TEST_CASE("Plan: dropout acts in training only") {
  const LearnerOptions net = mlp();
  const auto network = make_network(net);
  const auto plain = make_network(without_dropout(net));
  std::copy_n(network->weights(), network->architecture().weights_size(), plain->weights());
  const std::vector<float> x = RandomData(602).normal(7 * 33);
  const std::vector<float> y = outputs(*plain, Phase::kPredicting, x, 7, 1);
  CHECK(difference_in_bits(outputs(*network, Phase::kPredicting, x, 7, 1), y) == "");
  CHECK(outputs(*network, Phase::kTraining, x, 7, 1) != y);
}

// Then sums of gradients may be taken in another order.
bool pools_beside_convolutions(const Network& network, int64_t batch) {
  const Plan plan(network.shared_architecture(), {batch, Phase::kDifferentiating, 1});
  bool pools = false;
  for (size_t i = 0; i < network.architecture().layers().size(); ++i) {
    const bool pooling = network.architecture().layers()[i]->pooling() != nullptr;
    pools |= pooling && plan.describe(static_cast<int>(i)).kernel == std::string("fused");
  }
  return pools;
}

TEST_CASE("Plan: with shared memory it gives the bits of layers that share none, forward and backward") {
  LearnerOptions odd{.input_shape = {9, 11, 3},
                     .layers = {plain_layer("relu"), conv2d({.filters = 5}), max_pool2d({}), plain_layer("flatten"),
                                plain_layer("flatten"), dense({.units = 7}), plain_layer("flatten"),
                                plain_layer("softmax"), plain_layer("flatten")}};
  LearnerOptions aliases{.input_shape = {3, 2, 1},
                         .layers = {plain_layer("flatten"), dense({.units = 4}), dropout(0.5)}};
  LearnerOptions bare{.input_shape = {4}, .layers = {plain_layer("flatten")}};
  const auto reading = [](Spec::Object spec, Spec::List names) {
    spec.emplace("inputs", std::move(names));
    return spec;
  };
  const auto meeting = [&](const std::string& name, Spec::List names) {
    Spec::Object spec = reading(plain_layer("add"), std::move(names));
    spec["name"] = name;
    return spec;
  };
  // Two residual blocks: around layers that want lanes, behind a shortcut with weights and an alias, then in rows.
  const auto conv = [&](const std::string& name, const std::string& kernel) {
    return conv2d({.filters = 6, .padding = "same", .activation = "tanh", .name = name, .kernel = kernel});
  };
  const auto residual = [&](const std::string& kernel) {
    return LearnerOptions{.input_shape = {7, 5, 3},
                          .layers = {conv("a", kernel), conv("b", kernel), conv("c", kernel), meeting("ac", {"c", "a"}),
                                     plain_layer("relu"), plain_layer("flatten"),
                                     reading(dense({.units = 210, .name = "side"}), {"flatten_1"}),
                                     meeting("end", {"flatten_1", "side", "flatten_1"}), dense({.units = 3})}};
  };
  LearnerOptions pooled{.input_shape = {8, 12, 3},
                        .layers = {conv2d({.filters = 18, .activation = "relu"}), max_pool2d({}),
                                   conv2d({.filters = 17, .padding = "same", .name = "second", .kernel = "winograd"}),
                                   max_pool2d({.name = "last"}), plain_layer("flatten"), dense({.units = 3})}};
  const auto elu = [] {
    Spec::Object spec = plain_layer("elu");
    spec["alpha"] = 1.5;
    return spec;
  };
  // Behind convolutions of all kernels and dense layers of all, done by them.
  const auto activated = [&](const std::string& kernel) {
    return LearnerOptions{
        .input_shape = {5, 7, 3},
        .layers = {conv2d({.filters = 17, .padding = "same", .name = "first", .kernel = kernel}), elu(),
                   conv2d({.filters = 9, .kernel_size = {1, 1}, .name = "pixels", .kernel = "auto"}),
                   plain_layer("relu"), conv2d({.filters = 5, .padding = "same", .name = "last", .kernel = kernel}),
                   plain_layer("tanh"), plain_layer("flatten"), dense({.units = 70, .name = "wide"}),
                   plain_layer("sigmoid"), dense({.units = 4, .name = "narrow"})}};
  };
  LearnerOptions tiny{.input_shape = {5},
                      .layers = {dense({.units = 6}), plain_layer("tanh"), dense({.units = 3}), plain_layer("relu")}};
  LearnerOptions twice{.input_shape = {6}, .layers = {dense({.units = 6}), meeting("two", {"dense_1", "dense_1"})}};
  LearnerOptions from_input{
      .input_shape = {5, 5, 2},
      .layers = {conv2d({.filters = 2, .padding = "same"}), meeting("sum", {"@input", "conv2d_1"})}};
  for (const auto& net : {mlp(), conv_net("blas"), conv_net("direct"), conv_net("winograd"), norm_net("blas"), odd,
                          aliases, bare, residual("blas"), residual("direct"), pooled, twice, from_input,
                          activated("blas"), activated("direct"), activated("winograd"), tiny}) {
    const auto network = make_network(net);
    for (const int64_t batch : {1, 7, 20}) {
      for (const int threads : {1, 3}) {
        CAPTURE(net.layers.size());
        CAPTURE(batch);
        CAPTURE(threads);
        RandomData random(603);
        const std::vector<float> x = random.normal(batch * net.input_shape.size());
        const std::vector<float> dy = random.normal(batch * network->architecture().output_shape().size());
        const Unshared expected = run_unshared(*network, batch, x, dy);
        const Differentiation actual = differentiate(*network, batch, x.data(), dy.data(), threads, kRandom);
        CHECK(difference_in_bits(actual.output, expected.y) == "");
        CHECK(difference_in_bits(actual.input_gradients[0], expected.dx) == "");
        REQUIRE(actual.parameter_gradients.size() == expected.gradients.size());
        for (size_t p = 0; p < expected.gradients.size(); ++p) {
          if (pools_beside_convolutions(*network, batch)) {
            CHECK(difference(actual.parameter_gradients[p], to_double(expected.gradients[p]), Tolerance{1e-5, 1e-4}) ==
                  "");
          } else {
            CHECK(difference_in_bits(actual.parameter_gradients[p], expected.gradients[p]) == "");
          }
        }
      }
    }
  }
}

TEST_CASE(
    "Plan: a layer does the activation, batchNorm relu and leakyRelu alone, and a convolution the maxima of the "
    "pooling, that alone "
    "reads it") {
  const auto kernels = [](Spec::List layers, int64_t batch) {
    const auto network = make_network({.input_shape = {8, 8, 3}, .layers = std::move(layers)});
    const Plan plan(network->shared_architecture(), {batch, Phase::kTraining, 1});
    std::vector<std::string> names;
    for (size_t i = 0; i < network->architecture().layers().size(); ++i) {
      names.emplace_back(plan.describe(static_cast<int>(i)).kernel);
    }
    return names;
  };
  const Spec::Object convolution = conv2d({.filters = 4, .padding = "same", .activation = "relu"});
  using Names = std::vector<std::string>;
  CHECK(kernels({convolution, max_pool2d({}), plain_layer("flatten")}, 16) == Names{"direct", "fused", "alias"});
  CHECK(kernels({convolution, plain_layer("flatten")}, 16) == Names{"direct", "alias"});
  // Below 8 samples filters are in the lanes, and windows that overlap are a layer's own work.
  CHECK(kernels({convolution, max_pool2d({})}, 1)[1] == "rows");
  CHECK(kernels({convolution, max_pool2d({.pool_size = {3, 3}})}, 16)[1] == "lanes");
  CHECK(kernels({convolution, plain_layer("relu"), max_pool2d({})}, 16)[2] == "lanes");
  const Spec::Object linear = conv2d({.filters = 4, .padding = "same"});
  CHECK(kernels({linear, plain_layer("relu"), max_pool2d({})}, 16) == Names{"direct", "fused", "fused"});
  CHECK(kernels({plain_layer("flatten"), dense({.units = 3}), plain_layer("tanh")}, 16) ==
        Names{"alias", "panels", "fused"});
  CHECK(kernels({linear, batch_norm({}), plain_layer("relu")}, 16) == Names{"direct", "lanes", "fused"});
  CHECK(kernels({linear, batch_norm({}), plain_layer("tanh")}, 16) == Names{"direct", "lanes", "simd"});
  // A second activation, or one over the row, is a layer's own work.
  CHECK(kernels({convolution, plain_layer("tanh")}, 16) == Names{"direct", "simd"});
  CHECK(kernels({linear, plain_layer("softmax")}, 16)[1] == "simd");
  // Somebody else reads the convolution, too.
  Spec::Object other = max_pool2d({.name = "other"});
  other.emplace("inputs", Spec::List{"conv2d_1"});
  Spec::Object sum = plain_layer("add");
  sum.emplace("inputs", Spec::List{"maxPool2d_1", "other"});
  CHECK(kernels({convolution, max_pool2d({}), other, sum}, 16)[1] == "lanes");
  sum["inputs"] = Spec::List{"conv2d_1", "@input"};
  CHECK(kernels({conv2d({.filters = 3, .padding = "same"}), sum, plain_layer("tanh")}, 16) ==
        Names{"direct", "vector", "fused"});
}

TEST_CASE("Plan: find_non_finite names the input, the first bad layer or nothing") {
  const LearnerOptions net = mlp();
  const auto network = make_network(net);
  Plan plan(network->shared_architecture(), {7, Phase::kTraining, 1});
  const auto find = [&](float input) {
    int layer = 0;
    Team::run(1, [&](Team& team) {
      Samples samples{
          .inputs = std::vector<float>(7 * 33, 0.5F), .classes = {0, 0, 0, 0, 0, 0, 0}, .values = {}, .shape = {33}};
      samples.inputs[40] = input;
      plan.load(team, samples.view(), nullptr, 0);
      layer = plan.find_non_finite(team, network->weights(), kRandom);
    });
    return layer;
  };
  CHECK(find(0.5F) == Plan::kNowhere);
  CHECK(find(INFINITY) == Plan::kInput);
  CHECK(find(std::nanf("")) == Plan::kInput);
  const auto& parameters = network->architecture().parameters();
  for (size_t p = parameters.size(); p-- > 0;) {
    network->weights()[parameters[p].offset] = std::nanf("");
    CHECK(find(0.5F) == parameters[p].layer);
  }
}

TEST_CASE("Plan: shares memory, and describes itself") {
  const auto network = make_network(conv_net());
  const Plan training(network->shared_architecture(), {33, Phase::kTraining, 2});
  const Plan predicting(network->shared_architecture(), {33, Phase::kPredicting, 2});
  CHECK(training.workspace_floats() < training.unshared_floats());
  CHECK(predicting.workspace_floats() < predicting.unshared_floats());
  CHECK(predicting.workspace_floats() < training.workspace_floats());
  CHECK(training.describe(0).kernel == std::string("direct"));
  CHECK(training.describe(0).layout == Layout::kLanes);
  CHECK(training.describe(0).activation == 48 * 9 * 11 * 11);
  CHECK(training.describe(1).saved == 48 * 5 * 6 * 11 / 2);  // winners of two bytes
  CHECK(predicting.describe(1).saved == 0);
  CHECK(training.describe(3).kernel == std::string("alias"));
  CHECK(training.describe(3).activation == 0);
}

namespace {

Spec pointwise(int64_t filters) { return conv2d({.filters = filters, .kernel_size = {1, 1}}); }
Spec depthwise(int64_t channels) { return conv2d({.filters = channels, .padding = "same", .groups = channels}); }

// For each layer on images of 8x8 pixels of 32 channels: r where it takes rows, l where lanes.
std::string layouts_of(const std::vector<Spec>& layers, int64_t batch, Phase phase) {
  LearnerOptions options = conv_net();
  options.input_shape = {8, 8, 32};
  options.layers = layers;
  const auto network = make_network(options);
  const Plan plan(network->shared_architecture(), {batch, phase, 1});
  std::string result;
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    result += plan.describe(i).layout == Layout::kRows ? 'r' : 'l';
  }
  return result;
}

}  // namespace

TEST_CASE("Plan: few windows of a pixel go by lanes behind others in lanes, with a batch that nearly fills them") {
  const Spec window = conv2d({.filters = 32, .padding = "same"});
  const std::vector<Spec> separable = {depthwise(32), pointwise(64), depthwise(64), pointwise(32)};
  const std::vector<Spec> two = {window, pointwise(64), pointwise(32)};
  const std::vector<Spec> two_between = {window, pointwise(64), pointwise(32), window};
  const std::vector<Spec> three_between = {window, pointwise(64), pointwise(64), pointwise(32), window};
  CHECK(layouts_of(separable, 40, Phase::kTraining) == "llll");
  CHECK(layouts_of(separable, 24, Phase::kTraining) == "rrrr");
  CHECK(layouts_of({pointwise(32), depthwise(32)}, 40, Phase::kTraining) == "rl");
  CHECK(layouts_of({depthwise(32), layer_norm({}), pointwise(64)}, 40, Phase::kTraining) == "lrr");  // offered rows
  CHECK(layouts_of(two, 40, Phase::kTraining) == "lrr");
  CHECK(layouts_of(two_between, 40, Phase::kTraining) == "llll");
  CHECK(layouts_of(three_between, 40, Phase::kTraining) == "lrrrl");
}

TEST_CASE("Plan: a convolution whose input has no gradient goes by rows where blocks would be half empty") {
  const auto kernels = [](Phase phase, InputGradient input_gradient) {
    const auto architecture = std::make_shared<const Architecture>(
        Shape{12, 12, 3},
        std::vector<Spec>{conv2d({.filters = 32, .padding = "same"}), conv2d({.filters = 5}), conv2d({.filters = 32})});
    Plan plan(architecture, {8, phase, 1, input_gradient});
    std::vector<std::string> names;
    for (int i = 0; i < 3; ++i) names.emplace_back(plan.describe(i).kernel);
    return names;
  };
  const std::vector<std::string> in_lanes(3, "direct");
  CHECK(kernels(Phase::kTraining, InputGradient::kNone) ==
        std::vector<std::string>{"direct-channels", "direct", "direct"});
  CHECK(kernels(Phase::kTraining, InputGradient::kKept) == in_lanes);
  CHECK(kernels(Phase::kPredicting, InputGradient::kNone) == kernels(Phase::kTraining, InputGradient::kNone));
  // In predictions all of them, but those that are offered lanes.
  const Spec strided = conv2d({.filters = 32, .strides = {2, 1}, .padding = "same"});
  CHECK(layouts_of({strided, strided}, 12, Phase::kTraining) == "ll");
  CHECK(layouts_of({strided, strided}, 12, Phase::kPredicting) == "rr");
  CHECK(layouts_of({strided, strided}, 16, Phase::kPredicting) == "ll");
  CHECK(layouts_of({conv2d({.filters = 5}), strided}, 12, Phase::kPredicting) == "ll");
}

TEST_CASE("Plan: predicts in rows where convolutions can, unless conversions cost more than that wins") {
  constexpr int64_t kBatch = 16;
  const Spec window = conv2d({.filters = 32, .padding = "same"});
  const auto layouts = [](const std::vector<Spec>& layers, Phase phase) { return layouts_of(layers, kBatch, phase); };
  const std::vector<Spec> separable = {depthwise(32), pointwise(64), depthwise(64), pointwise(32)};
  CHECK(layouts(separable, Phase::kPredicting) == "rrrr");
  CHECK(layouts(separable, Phase::kTraining) == "llll");
  CHECK(layouts({pointwise(32), window, pointwise(64), pointwise(32), pointwise(64)}, Phase::kPredicting) == "rllll");
  CHECK(layouts({window, depthwise(32), pointwise(64), depthwise(64), pointwise(32)}, Phase::kPredicting) == "lrrrr");
  CHECK(layouts({window, depthwise(32), pointwise(64), depthwise(64), pointwise(32), window}, Phase::kPredicting) ==
        "llllll");
  // Windows of a pixel that take rows anyway would have those between them convert there and back.
  const std::vector<Spec> mobile = {conv2d({.filters = 32, .strides = {2, 2}, .padding = "same"}), depthwise(32),
                                    pointwise(64), depthwise(64), pointwise(32)};
  for (const int64_t batch : {12, 13, 14, 28}) CHECK(layouts_of(mobile, batch, Phase::kPredicting).substr(1) == "rrrr");
  for (const int64_t batch : {13, 14}) CHECK(layouts_of({window, depthwise(32)}, batch, Phase::kPredicting) == "ll");

  LearnerOptions options = conv_net();
  options.input_shape = {8, 8, 32};
  options.layers = {window, depthwise(32), pointwise(64), depthwise(64), pointwise(32)};
  const auto network = make_network(options);
  const std::vector<float> x = RandomData(605).normal(kBatch * options.input_shape.size());
  const std::vector<float> y = outputs(*network, Phase::kPredicting, x, kBatch, 1);
  CHECK(difference(y, to_double(outputs(*network, Phase::kTraining, x, kBatch, 1)),
                   {.relative = 1e-4, .absolute = 1e-5}) == "");
  CHECK(difference_in_bits(outputs(*network, Phase::kPredicting, x, kBatch, 3), y) == "");
}

TEST_CASE("Plan: few samples are predicted the same by Winograd with half of the lanes and in rows behind scales") {
  const auto net = [](const std::string& kernel) {
    LearnerOptions options = conv_net();
    options.input_shape = {48, 48, 6};
    options.layers = {conv2d({.filters = 32, .strides = {2, 2}, .padding = "same", .kernel = kernel}),
                      batch_norm({}),
                      plain_layer("relu"),
                      max_pool2d({}),
                      conv2d({.filters = 17, .padding = "same", .kernel = kernel}),
                      max_pool2d({})};
    return make_network(options);
  };
  const auto network = net("auto");
  const auto direct = net("direct");
  for (const int64_t batch : {6, 7, 12, 24}) {
    CAPTURE(batch);
    Plan plan(network->shared_architecture(), {batch, Phase::kPredicting, 1});
    CHECK(plan.describe(0).kernel == std::string("direct-channels"));
    CHECK(plan.describe(4).kernel == std::string("winograd"));
    const std::vector<float> x = RandomData(606).normal(batch * network->architecture().input_shape().size());
    const std::vector<float> y = outputs(*network, Phase::kPredicting, x, batch, 1);
    CHECK(difference(y, to_double(outputs(*direct, Phase::kPredicting, x, batch, 1)),
                     {.relative = 1e-4, .absolute = 1e-5}) == "");
    CHECK(difference_in_bits(outputs(*network, Phase::kPredicting, x, batch, 3), y) == "");
  }
}
