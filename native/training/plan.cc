#include "training/plan.h"

#include <algorithm>
#include <cmath>

#include "common/checked.h"
#include "training/memory_plan.h"

namespace gradloom {

Plan::Plan(std::shared_ptr<const Architecture> architecture, const PlanOptions& options)
    : architecture_(std::move(architecture)), options_(options) {
  for (const auto& layer : architecture_->layers()) {
    layers_.push_back({layer->needs(options_.batch, options_.phase, options_.threads), kAbsent, kAbsent, kAbsent});
  }
  parameters_.resize(architecture_->parameters().size());
  lay_out();
}

// Times: forward of layer i at i + 1 (the input is there at 0), the loss at L + 1, backward of layer i at 2 L + 1 - i.
void Plan::lay_out() {
  const auto count = static_cast<int>(layers_.size());
  const bool training = options_.phase == Phase::kTraining;
  const int loss_time = count + 1;
  const auto forward_time = [](int layer) { return layer + 1; };
  const auto backward_time = [count](int layer) { return 2 * count + 1 - layer; };
  // Layers before the first one with weights have nobody to pass a gradient to.
  int first_trained = 0;
  while (first_trained < count && architecture_->layers()[static_cast<size_t>(first_trained)]->parameters().empty()) {
    ++first_trained;
  }
  const bool all_gradients = options_.input_gradient == InputGradient::kKept;

  std::vector<BufferRequest> requests;
  const auto request = [&](int64_t size, int first, int last) {
    requests.push_back({size, first, last});
    return static_cast<int64_t>(requests.size()) - 1;
  };
  const auto extend = [&](int64_t index, int last) {
    auto& lifetime = requests[static_cast<size_t>(index)];
    lifetime.last = std::max(lifetime.last, last);
  };

  const int64_t batch = options_.batch;
  activations_.push_back(request(checked_multiply(batch, architecture_->input_shape().size()), 0, 0));
  for (int i = 0; i < count; ++i) {
    const LayerNeeds& needs = layers_[static_cast<size_t>(i)].needs;
    const int64_t size = checked_multiply(batch, architecture_->layers()[static_cast<size_t>(i)]->output_shape().size());
    const int64_t input = activations_.back();
    extend(input, forward_time(i));
    const int64_t output = needs.aliases_input ? input : request(size, forward_time(i), forward_time(i));
    if (training && needs.backward_reads_input) extend(input, backward_time(i));
    if (training && needs.backward_reads_output) extend(output, backward_time(i));
    activations_.push_back(output);
  }
  extend(activations_.back(), loss_time);

  gradients_.assign(static_cast<size_t>(count) + 1, kAbsent);
  if (training) {
    gradients_.back() = request(requests[static_cast<size_t>(activations_.back())].size, loss_time, loss_time);
    for (int i = count - 1; i >= 0; --i) {
      const auto at = static_cast<size_t>(i);
      const int64_t outgoing = gradients_[at + 1];
      if (outgoing == kAbsent) break;
      extend(outgoing, backward_time(i));
      if (!all_gradients && i <= first_trained) break;
      const int64_t size = requests[static_cast<size_t>(activations_[at])].size;
      gradients_[at] = layers_[at].needs.aliases_input ? outgoing : request(size, backward_time(i), backward_time(i));
    }
    if (all_gradients) extend(gradients_.front(), backward_time(-1));
  }

  for (int i = 0; i < count; ++i) {
    LayerBuffers& layer = layers_[static_cast<size_t>(i)];
    layer.forward_scratch = request(layer.needs.forward_scratch, forward_time(i), forward_time(i));
    if (training) {
      layer.saved = request(layer.needs.saved, forward_time(i), backward_time(i));
      layer.backward_scratch = request(layer.needs.backward_scratch, backward_time(i), backward_time(i));
    }
  }

  const MemoryPlan placed = place_buffers(requests);
  const auto resolve = [&](int64_t& index) {
    if (index != kAbsent) index = placed.offsets[static_cast<size_t>(index)];
  };
  std::for_each(activations_.begin(), activations_.end(), resolve);
  std::for_each(gradients_.begin(), gradients_.end(), resolve);
  for (LayerBuffers& layer : layers_) {
    resolve(layer.saved);
    resolve(layer.forward_scratch);
    resolve(layer.backward_scratch);
  }
  workspace_ = AlignedBuffer(placed.size);
  unshared_size_ = placed.unshared_size;
}

std::span<const float* const> Plan::parameters_of(int layer, const float* weights) {
  const auto first = static_cast<size_t>(architecture_->first_parameter(layer));
  const size_t count = architecture_->layers()[static_cast<size_t>(layer)]->parameters().size();
  for (size_t i = first; i < first + count; ++i) {
    parameters_[i] = weights + architecture_->parameters()[i].offset;
  }
  return std::span<const float* const>(parameters_).subspan(first, count);
}

void Plan::forward(Team& team, const float* weights, const RandomState& random) {
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = 0; i < layers_.size(); ++i) forward_layer(i, pass, weights);
}

void Plan::forward_layer(size_t layer, const Pass& pass, const float* weights) {
  architecture_->layers()[layer]->forward({pass, at(activations_[layer]), at(activations_[layer + 1]),
                                           at(layers_[layer].saved), at(layers_[layer].forward_scratch),
                                           parameters_of(static_cast<int>(layer), weights)});
}

int Plan::find_non_finite(Team& team, const float* weights, const RandomState& random) {
  const auto finite = [&](size_t activation, const Shape& shape) {
    const float* values = at(activations_[activation]);
    return std::all_of(values, values + options_.batch * shape.size(), [](float v) { return std::isfinite(v); });
  };
  if (!finite(0, architecture_->input_shape())) return kInput;
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = 0; i < layers_.size(); ++i) {
    forward_layer(i, pass, weights);
    if (!finite(i + 1, architecture_->layers()[i]->output_shape())) return static_cast<int>(i);
  }
  return kNowhere;
}

void Plan::backward(Team& team, const float* weights, const RandomState& random,
                    const std::vector<std::unique_ptr<GradientSink>>& sinks) {
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = layers_.size(); i-- > 0;) {
    if (gradients_[i + 1] == kAbsent) break;
    architecture_->layers()[i]->backward({pass, at(activations_[i]), at(activations_[i + 1]), at(gradients_[i + 1]),
                                          at(gradients_[i]), at(layers_[i].saved), at(layers_[i].backward_scratch),
                                          parameters_of(static_cast<int>(i), weights), *sinks[i]});
  }
}

Plan::Row Plan::describe(int layer) const {
  const auto at = static_cast<size_t>(layer);
  const LayerNeeds& needs = layers_[at].needs;
  const int64_t activation = options_.batch * architecture_->layers()[at]->output_shape().size();
  const bool training = options_.phase == Phase::kTraining;
  return {needs.kernel, needs.aliases_input ? 0 : activation, training ? needs.saved : 0,
          training ? std::max(needs.forward_scratch, needs.backward_scratch) : needs.forward_scratch};
}

}  // namespace gradloom
