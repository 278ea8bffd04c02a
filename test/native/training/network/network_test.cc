#include "training/network/network.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support/compare.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

std::vector<float> exported(Network& network, int parameter) {
  const Architecture& a = network.architecture();
  std::vector<float> values(static_cast<size_t>(a.parameters()[static_cast<size_t>(parameter)].shape.size()));
  a.export_parameter(parameter, network.weights(), values.data());
  return values;
}

std::shared_ptr<Network> make_network(const Shape& input, const Spec::List& layers, uint64_t seed) {
  return std::make_shared<Network>(std::make_shared<const Architecture>(input, layers), seed);
}

}  // namespace

TEST_CASE("Architecture: shapes follow through the layers, parameters are named and aligned") {
  const LearnerOptions net = conv_net();
  const Architecture a(net.input_shape, net.layers);
  CHECK(a.output_shape() == Shape{10});
  REQUIRE(a.parameters().size() == 6);
  const char* names[] = {"conv2d_1.weight", "conv2d_1.bias",  "conv2d_2.weight",
                         "conv2d_2.bias",   "dense_1.weight", "dense_1.bias"};
  int64_t end = 0;
  for (size_t i = 0; i < 6; ++i) {
    const Architecture::Parameter& p = a.parameters()[i];
    CHECK(p.name == names[i]);
    CHECK(p.offset % 16 == 0);
    CHECK(p.offset >= end);
    end = p.offset + p.shape.size();
  }
  CHECK(a.weights_size() >= end);
  CHECK(a.parameters()[2].shape == Shape{7, 11, 3, 3});
  CHECK(a.first_parameter(2) == 2);
  CHECK(a.first_parameter(5) == 4);
  CHECK(contains(error_of([] {
                   Architecture({5}, {dense({.units = 4}), conv2d({.filters = 1, .name = "conv2d_7"})});
                 }),
                 "conv2d \"conv2d_7\": takes images"));
  const Architecture empty({5}, {});
  CHECK(empty.output_shape() == Shape{5});
  CHECK(empty.weights_size() == 0);
}

TEST_CASE("Architecture: operations of a pass: forward once, weights once, inputs once but for the first layer") {
  const Architecture a({10}, {dense({.units = 20}), plain_layer("relu"), dense({.units = 5, .name = "dense_2"})});
  CHECK(a.forward_flops() == 2 * (10 * 20 + 20 * 5));
  CHECK(a.training_flops() == 2 * 2 * 10 * 20 + 3 * 2 * 20 * 5);
}

TEST_CASE(
    "Network: glorotUniform weights by fan in and out, zero biases, other numbers for every parameter and "
    "seed") {
  const auto network = make_network(
      {9, 11, 20},
      {conv2d({.filters = 60, .groups = 2}), plain_layer("flatten"), dense({.units = 40, .name = "dense_1"}),
       dense({.units = 40, .name = "dense_2"}), dense({.units = 40, .name = "dense_3"})},
      5);
  const double fans[] = {9.0 * (10 + 30), 7 * 9 * 60 + 40, 80, 80};
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    const std::vector<float> weight = exported(*network, 2 * i);
    const double limit = std::sqrt(6 / fans[i]);
    const auto count = static_cast<double>(weight.size());
    double mean = 0;
    double square = 0;
    for (const float w : weight) {
      mean += w / count;
      square += static_cast<double>(w) * w / count;
    }
    CHECK(*std::max_element(weight.begin(), weight.end()) <= limit);
    CHECK(*std::min_element(weight.begin(), weight.end()) >= -limit);
    CHECK(*std::max_element(weight.begin(), weight.end()) > 0.98 * limit);
    // Mean 0, variance limit^2 / 3; four standard errors of each.
    CHECK(std::abs(mean) <= 4 * limit / std::sqrt(3 * count));
    CHECK(std::abs(square - limit * limit / 3) <= 4 * limit * limit * std::sqrt(4.0 / 45 / count));
    const std::vector<float> bias = exported(*network, 2 * i + 1);
    CHECK(std::all_of(bias.begin(), bias.end(), [](float b) { return b == 0; }));
  }
  CHECK(exported(*network, 4) != exported(*network, 6));  // the same shape

  const auto twin = make_network({4}, {dense({.units = 3})}, 5);
  CHECK(exported(*twin, 0) == exported(*make_network({4}, {dense({.units = 3})}, 5), 0));
  CHECK(exported(*twin, 0) != exported(*make_network({4}, {dense({.units = 3})}, 6), 0));
}

TEST_CASE("Network: parameters go in and out in file layout") {
  const auto network = make_network({5, 5, 4}, {conv2d({.filters = 6, .groups = 2})}, 1);
  RandomData random(511);
  const std::vector<float> weight = random.normal(6 * 2 * 3 * 3);
  network->architecture().import_parameter(0, weight.data(), network->weights());
  CHECK(exported(*network, 0) == weight);
}

TEST_CASE("Network: a snapshot is a copy of its own; only one run trains at a time") {
  const auto network = make_network({4}, {dense({.units = 3})}, 1);
  const auto copy = network->snapshot();
  CHECK(exported(*copy, 0) == exported(*network, 0));
  network->weights()[0] = 77;
  CHECK(copy->weights()[0] != 77);

  CHECK(network->begin_training());
  CHECK_FALSE(network->begin_training());
  CHECK(network->training());
  CHECK(copy->begin_training());
  network->end_training();
  CHECK(network->begin_training());
}

TEST_CASE("Architecture: layers read the one before, or those that they name") {
  Spec::Object first = dense({.units = 4, .name = "first"});
  Spec::Object second = dense({.units = 4, .name = "second"});
  Spec::Object meet = plain_layer("add");
  const auto inputs = [](Spec::Object spec, Spec::List names) {
    spec.emplace("inputs", std::move(names));
    return spec;
  };
  const Architecture a({4}, {first, second, inputs(meet, {"second", "first", "@input"})});
  CHECK(a.inputs_of(0) == std::vector<int>{0});
  CHECK(a.inputs_of(1) == std::vector<int>{1});
  CHECK(a.inputs_of(2) == std::vector<int>{2, 1, 0});
  CHECK_FALSE(a.depends_on_weights(0));
  CHECK(a.depends_on_weights(1));
  CHECK(a.depends_on_weights(3));
  // 2 x 4 x 4 forward; the input of the first needs no gradient.
  CHECK(a.training_flops() == 32 * 2 + 32 * 3);

  const auto error = [](const Spec::List& layers) { return error_of([&] { Architecture({4}, layers); }); };
  CHECK(error({first, inputs(second, {"third"})}) ==
        "INVALID_SPEC: layer \"second\" reads \"third\", which is no layer before it");
  CHECK(error({first, inputs(second, {"second"})}) ==
        "INVALID_SPEC: layer \"second\" reads \"second\", which is no layer before it");
  CHECK(error({first, inputs(second, {"@input"})}) == "INVALID_SPEC: no layer reads the output of layer \"first\"");
  CHECK(error({first, inputs(second, {"first", "@input"})}) ==
        "INVALID_SPEC: a layer of kind \"dense\" has one input, got 2");
  CHECK(error({first, meet}) == "INVALID_SPEC: a layer of kind \"add\" has at least two inputs");
  CHECK(error({first, inputs(second, {})}) == "INVALID_SPEC: attribute \"inputs\" must have at least one entry");
  CHECK(error({first, inputs(second, {3})}) == "INVALID_SPEC: attribute \"inputs\" must be a list of strings");
  CHECK(error({dense({.units = 5, .name = "wide"}), inputs(meet, {"wide", "@input"})}) ==
        "SHAPE_MISMATCH: add \"add_1\": the inputs of a sum must have one shape, got [5] and [4] (the paths of a "
        "residual block, which a shortcut can bring to one shape)");
}
