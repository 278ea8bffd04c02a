#include "support/layer_run.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>

#include "support/guarded_buffer.h"

namespace gradloom::test {
namespace {

class CollectingSink final : public GradientSink {
 public:
  CollectingSink(const Layer& layer, GradientPlace place,
                 std::vector<std::unique_ptr<GuardedBuffer>>& parameters)
      : place_(place), parameters_(parameters) {
    for (const ParameterSpec& parameter : layer.parameters()) {
      buffers_.push_back(std::make_unique<GuardedBuffer>(parameter.shape.size()));
      collected_.emplace_back(static_cast<size_t>(parameter.shape.size()));
      completions_.emplace_back(static_cast<size_t>(parameter.shape.size()));
    }
  }

  float* target(int parameter, int64_t first, float* scratch) override {
    return place_ == GradientPlace::kScratchOfLayer
               ? scratch
               : buffers_[static_cast<size_t>(parameter)]->data() + first;
  }

  void complete(int parameter, int64_t first, int64_t count, const float* gradient) override {
    const std::lock_guard guard(mutex_);
    const auto at = static_cast<size_t>(parameter);
    for (int64_t i = 0; i < count; ++i) {
      const auto element = static_cast<size_t>(first + i);
      collected_[at].at(element) = gradient[i];
      ++completions_[at].at(element);
      parameters_[at]->data()[element] = std::numeric_limits<float>::quiet_NaN();
    }
  }

  std::vector<std::vector<float>> take() { return std::move(collected_); }

  std::string broken_rules() const {
    for (const auto& counts : completions_) {
      if (std::any_of(counts.begin(), counts.end(), [](int n) { return n != 1; })) {
        return "an element of a gradient was not completed exactly once. ";
      }
    }
    const bool intact =
        std::all_of(buffers_.begin(), buffers_.end(), [](const auto& b) { return b->intact(); });
    return intact ? "" : "written beside the sink's buffer. ";
  }

 private:
  GradientPlace place_;
  std::vector<std::unique_ptr<GuardedBuffer>>& parameters_;
  std::vector<std::unique_ptr<GuardedBuffer>> buffers_;
  std::vector<std::vector<float>> collected_;
  std::vector<std::vector<int>> completions_;
  std::mutex mutex_;
};

std::vector<const float*> pointers_to(const std::vector<std::unique_ptr<GuardedBuffer>>& buffers) {
  std::vector<const float*> pointers;
  for (const auto& buffer : buffers) pointers.push_back(buffer->data());
  return pointers;
}

template <class Fill>
LayerCase make_case(const Layer& layer, int64_t batch, Fill fill) {
  LayerCase result{.batch = batch,
                   .x = fill(batch * layer.input_shape().size()),
                   .dy = fill(batch * layer.output_shape().size()),
                   .parameters = {}};
  for (const ParameterSpec& parameter : layer.parameters())
    result.parameters.push_back(fill(parameter.shape.size()));
  return result;
}

}  // namespace

LayerResult run_layer(const Layer& layer, const LayerCase& given) {
  const LayerNeeds needs = layer.needs(given.batch, given.phase, given.threads);
  const bool training = given.phase == Phase::kTraining;
  GuardedBuffer x(given.x);
  GuardedBuffer y(needs.aliases_input ? 0 : given.batch * layer.output_shape().size());
  GuardedBuffer dy(given.dy);
  GuardedBuffer dx(needs.aliases_input ? 0 : given.batch * layer.input_shape().size());
  GuardedBuffer saved(needs.saved);
  GuardedBuffer forward_scratch(needs.forward_scratch);
  GuardedBuffer backward_scratch(needs.backward_scratch);
  std::vector<std::unique_ptr<GuardedBuffer>> parameters;
  for (const auto& values : given.parameters) parameters.push_back(std::make_unique<GuardedBuffer>(values));
  const std::vector<const float*> pointers = pointers_to(parameters);
  CollectingSink sink(layer, given.place, parameters);

  float* output = needs.aliases_input ? x.data() : y.data();
  float* input_gradient = needs.aliases_input ? dy.data() : dx.data();
  LayerResult result;
  Team::run(given.threads, [&](Team& team) {
    const Pass pass{team, given.batch, given.phase, given.seed, given.step};
    layer.forward({pass, x.data(), output, saved.data(), forward_scratch.data(), pointers});
    result.y.assign(output, output + given.batch * layer.output_shape().size());
    if (!training) return;
    // What the layer does not ask for is gone by the time of its backward pass.
    if (!needs.backward_reads_input && !needs.aliases_input)
      x = GuardedBuffer(given.batch * layer.input_shape().size());
    if (!needs.backward_reads_output && !needs.aliases_input) {
      y = GuardedBuffer(given.batch * layer.output_shape().size());
      output = y.data();
    }
    layer.backward({pass, x.data(), output, dy.data(), given.input_gradient ? input_gradient : nullptr,
                    saved.data(), backward_scratch.data(), pointers, sink});
  });

  if (training) {
    if (given.input_gradient) {
      result.dx.assign(input_gradient, input_gradient + given.batch * layer.input_shape().size());
    }
    result.broken_rules = sink.broken_rules();
    result.gradients = sink.take();
  }
  for (const GuardedBuffer* buffer : {&x, &y, &dy, &dx, &saved, &forward_scratch, &backward_scratch}) {
    if (!buffer->intact()) result.broken_rules += "written beside a buffer. ";
  }
  return result;
}

LayerCase integer_case(const Layer& layer, int64_t batch, RandomData& random) {
  return make_case(layer, batch, [&](int64_t count) { return random.integers(count); });
}

LayerCase normal_case(const Layer& layer, int64_t batch, RandomData& random) {
  return make_case(layer, batch, [&](int64_t count) { return random.normal(count); });
}

}  // namespace gradloom::test
