#include "training/inference/differentiate.h"

#include <algorithm>

#include "common/aligned_buffer.h"
#include "common/checked.h"
#include "common/parallel.h"
#include "training/threads/reading_lock.h"

namespace gradloom {
namespace {

// All gradients, an array a parameter, those of tables with their zeros.
class DenseSink final : public GradientSink {
 public:
  DenseSink(const Architecture& architecture, int layer, std::vector<AlignedBuffer>& gradients)
      : first_parameter_(architecture.first_parameter(layer)),
        adds_(architecture.adds_gradients(layer)),
        gradients_(gradients) {}

  float* target(int parameter, int64_t first, float* scratch) override {
    return adds_ ? scratch : values_of(parameter) + first;
  }
  void complete(int parameter, int64_t first, int64_t count, float* gradient) override {
    if (adds_) add(count, gradient, values_of(parameter) + first);
  }
  void complete_rows(int parameter, const RowGradients& rows) override {
    for (int64_t i = 0; i < rows.count; ++i) {
      add(rows.width, rows.values + i * rows.width, values_of(parameter) + rows.rows[i] * rows.width);
    }
  }

 private:
  float* values_of(int parameter) { return gradients_[static_cast<size_t>(first_parameter_ + parameter)].data(); }
  static void add(int64_t count, const float* gradient, float* sums) {
    for (int64_t i = 0; i < count; ++i) sums[i] += gradient[i];
  }

  int first_parameter_;
  bool adds_;
  std::vector<AlignedBuffer>& gradients_;
};

}  // namespace

Differentiation differentiate(Network& network, const ArraySamples& samples, const float* output_gradient, int threads,
                              const RandomState& random) {
  const Architecture& architecture = network.architecture();
  const int64_t batch = samples.count();
  Plan plan(network.shared_architecture(), {batch, Phase::kTraining, threads, InputGradient::kKept});
  std::vector<AlignedBuffer> gradients;
  for (const auto& parameter : architecture.parameters()) gradients.emplace_back(parameter.shape.size());
  std::vector<std::unique_ptr<GradientSink>> sinks;
  for (size_t layer = 0; layer < architecture.layers().size(); ++layer) {
    sinks.push_back(std::make_unique<DenseSink>(architecture, static_cast<int>(layer), gradients));
  }
  const auto outputs = static_cast<size_t>(batch * architecture.output_shape().size());
  Differentiation result;
  Team::run(threads, [&](Team& team) {
    const ReadingLock weights(network);
    plan.load(team, samples, nullptr, 0);
    plan.forward(team, network.weights(), random);
    result.output.assign(plan.output(), plan.output() + outputs);
    std::copy_n(output_gradient, outputs, plan.output_gradient());
    plan.backward(team, network.weights(), random, sinks);
    for (int i = 0; i < architecture.input_count(); ++i) {
      const NetworkInput& input = architecture.inputs()[static_cast<size_t>(i)];
      std::vector<float>& gradient = result.input_gradients.emplace_back();
      if (input.form == InputForm::kFloats) {
        gradient.assign(plan.input_gradient(i), plan.input_gradient(i) + batch * input.shape.size());
      } else if (input.form == InputForm::kSparse) {
        const SparseBatch& sparse = plan.sparse_input(i);
        gradient.assign(sparse.value_gradients(), sparse.value_gradients() + sparse.input().rows.entries());
      }
    }
  });
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    result.parameter_gradients.emplace_back(static_cast<size_t>(architecture.parameters()[p].shape.size()));
    architecture.to_file_layout(static_cast<int>(p), gradients[p].data(), result.parameter_gradients.back().data());
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
