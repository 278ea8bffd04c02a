#include "training/differentiate.h"

#include <algorithm>
#include <shared_mutex>

#include "common/checked.h"
#include "common/parallel.h"
#include "training/gradient_sinks.h"

namespace gradloom {

Differentiation differentiate(Network& network, const ArraySamples& samples, const float* output_gradient, int threads,
                              const RandomState& random) {
  const Architecture& architecture = network.architecture();
  const int64_t batch = samples.count();
  Plan plan(network.shared_architecture(), {batch, Phase::kTraining, threads, InputGradient::kKept});
  StepGradients gradients(architecture.weights_size(), 1);
  std::vector<std::unique_ptr<GradientSink>> sinks;
  for (size_t layer = 0; layer < architecture.layers().size(); ++layer) {
    sinks.push_back(std::make_unique<BufferingSink>(architecture, architecture.first_parameter(static_cast<int>(layer)),
                                                    gradients));
  }
  const auto inputs = static_cast<size_t>(batch * architecture.input_shape().size());
  const auto outputs = static_cast<size_t>(batch * architecture.output_shape().size());
  Differentiation result;
  Team::run(threads, [&](Team& team) {
    const std::shared_lock weights(network.lock());
    plan.load(team, samples, nullptr, 0);
    plan.forward(team, network.weights(), random);
    result.output.assign(plan.output(), plan.output() + outputs);
    std::copy_n(output_gradient, outputs, plan.output_gradient());
    plan.backward(team, network.weights(), random, sinks);
    if (plan.input() == nullptr) return;
    result.input_gradient.assign(plan.input_gradient(), plan.input_gradient() + inputs);
  });
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    result.parameter_gradients.emplace_back(static_cast<size_t>(architecture.parameters()[p].shape.size()));
    architecture.export_parameter(static_cast<int>(p), gradients.values(), result.parameter_gradients.back().data());
  }
  return result;
}

Differentiation differentiate(Network& network, int64_t batch, const float* input, const float* output_gradient,
                              int threads, const RandomState& random) {
  const Shape& shape = network.architecture().input_shape();
  ArrayDescription description;
  description.inputs = {.data = input, .length = checked_multiply(batch, shape.size())};
  description.count = batch;
  description.scale.assign(1, 1.0F);
  description.shift.assign(1, 0.0F);
  return differentiate(network, ArraySamples(description, shape), output_gradient, threads, random);
}

}  // namespace gradloom
