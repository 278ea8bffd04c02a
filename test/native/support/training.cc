#include "support/training.h"

#include <algorithm>
#include <type_traits>

#include "support/specs.h"

namespace gradloom::test {

ArraySamples Samples::view() const {
  ArrayDescription description;
  description.inputs = {InputArray::Type::kFloat32, inputs.data(), static_cast<int64_t>(inputs.size())};
  if (classes.empty()) {
    description.labels = {LabelArray::Type::kFloat32, values.data(), static_cast<int64_t>(values.size()), label_size};
  } else {
    description.labels = {LabelArray::Type::kInt32, classes.data(), static_cast<int64_t>(classes.size()), 1};
  }
  if (!weights.empty()) description.weights = weights.data();
  description.count = static_cast<int64_t>(inputs.size()) / shape.size();
  description.scale.assign(1, 1.0F);
  description.shift.assign(1, 0.0F);
  return {description, shape};
}

Samples class_samples(int64_t count, const Shape& shape, int64_t classes, uint64_t seed) {
  RandomData random(seed);
  Samples samples{.inputs = random.normal(count * shape.size()), .classes = {}, .values = {}, .shape = shape};
  for (int64_t i = 0; i < count; ++i) samples.classes.push_back(static_cast<int32_t>(random.integer(0, classes - 1)));
  return samples;
}

Samples some_of(const Samples& samples, int64_t first, int64_t count) {
  const auto part = [&](const auto& values, int64_t each) {
    return std::remove_cvref_t<decltype(values)>(values.begin() + first * each,
                                                 values.begin() + (first + count) * each);
  };
  Samples some = samples;
  some.inputs = part(samples.inputs, samples.shape.size());
  some.classes = part(samples.classes, 1);
  return some;
}

Samples value_samples(int64_t count, const Shape& shape, int64_t outputs, uint64_t seed) {
  RandomData random(seed);
  Samples samples{.inputs = random.normal(count * shape.size()),
                  .classes = {},
                  .values = {},
                  .shape = shape,
                  .label_size = outputs};
  for (int64_t i = 0; i < count * outputs; ++i) samples.values.push_back(static_cast<float>(random.unit()));
  return samples;
}

std::unique_ptr<Learner> make_learner(const LearnerOptions& options) {
  auto architecture = options.inputs.empty()
                          ? std::make_shared<const Architecture>(options.input_shape, options.layers)
                          : std::make_shared<const Architecture>(NetworkInputs{options.inputs}, options.layers);
  auto objective = std::make_shared<const Objective>(loss(options.loss), options.metrics, architecture->output_shape());
  auto network = std::make_shared<Network>(std::move(architecture), options.seed);
  auto optimizer = make_optimizer(options.optimizer.empty() ? adagrad({}) : options.optimizer);
  return std::make_unique<Learner>(std::move(network), std::move(optimizer), std::move(objective),
                                   LearnerSettings{.seed = options.seed,
                                                   .non_finite = options.non_finite,
                                                   .clip = options.clip,
                                                   .parameters = options.parameters});
}

LearnerOptions mlp() {
  return {.input_shape = {33},
          .layers = {dense({.units = 281, .activation = "relu", .name = "dense_1"}), dropout(0.2),
                     dense({.units = 65, .activation = "tanh", .name = "dense_2"}),
                     dense({.units = 10, .name = "dense_3"})},
          .metrics = {Spec::Object{{"kind", "accuracy"}}}};
}

LearnerOptions wide_mlp() {
  return {.input_shape = {20, 15, 1},
          .layers = {plain_layer("flatten"), dense({.units = 70, .activation = "relu", .name = "dense_1"}),
                     dense({.units = 10, .name = "dense_2"})},
          .metrics = {Spec::Object{{"kind", "accuracy"}}}};
}

LearnerOptions conv_net(const std::string& kernel) {
  return {
      .input_shape = {9, 11, 3},
      .layers = {conv2d({.filters = 11, .padding = "same", .activation = "relu", .name = "conv2d_1", .kernel = kernel}),
                 max_pool2d({.padding = "same"}),
                 conv2d({.filters = 7, .activation = "sigmoid", .name = "conv2d_2", .kernel = kernel}),
                 plain_layer("flatten"), dropout(0.1), dense({.units = 10, .name = "dense_1"})},
      .metrics = {Spec::Object{{"kind", "accuracy"}}}};
}

LearnerOptions norm_net(const std::string& kernel) {
  return {.input_shape = {9, 11, 3},
          .layers = {conv2d({.filters = 10, .padding = "same", .bias = false, .name = "conv2d_1", .kernel = kernel}),
                     batch_norm({.name = "batchNorm_1"}), plain_layer("relu"),
                     frozen(conv2d({.filters = 7, .activation = "tanh", .name = "conv2d_2", .kernel = kernel})),
                     batch_norm({.momentum = 0.3, .scale = false, .name = "batchNorm_2"}), plain_layer("flatten"),
                     layer_norm({.name = "layerNorm_1"}), dense({.units = 10, .name = "dense_1"})},
          .metrics = {Spec::Object{{"kind", "accuracy"}}}};
}

std::vector<float> state_of(Learner& learner) {
  const auto size = learner.network().architecture().weights_size();
  std::vector<float> values(learner.network().weights(), learner.network().weights() + size);
  for (size_t p = 0; p < learner.network().architecture().parameters().size(); ++p) {
    const int parameter = static_cast<int>(p);
    for (size_t i = 0; i < learner.states(parameter).size(); ++i) {
      const float* state = learner.state(parameter, i);
      values.insert(values.end(), state, state + learner.states(parameter)[i].shape.size());
    }
  }
  return values;
}

void run_steps(Learner& learner, const ArraySamples& samples, int64_t batch, int steps, int threads) {
  TrainStep step(learner, batch, threads);
  ObjectiveTotals totals = learner.objective()->empty_totals();
  const int64_t batches = samples.count() / batch;
  Team::run(threads, [&](Team& team) {
    for (int i = 0; i < steps; ++i) step.run(team, samples, nullptr, i % batches * batch, totals);
  });
}

}  // namespace gradloom::test
