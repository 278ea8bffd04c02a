#include "training/network.h"

#include <algorithm>
#include <shared_mutex>

#include "common/checked.h"
#include "common/error.h"
#include "layers/registry.h"
#include "training/initial_weights.h"

namespace gradloom {

Architecture::Architecture(const Shape& input_shape, const Spec::List& layers) : input_shape_(input_shape) {
  constexpr int64_t kAlignment = kCacheLine / static_cast<int64_t>(sizeof(float));
  for (const Spec& spec : layers) {
    layers_.push_back(make_layer(spec, output_shape()));
    const Layer& layer = *layers_.back();
    first_parameters_.push_back(static_cast<int>(parameters_.size()));
    int index = 0;
    for (const ParameterSpec& parameter : layer.parameters()) {
      parameters_.push_back({static_cast<int>(layers_.size()) - 1, index++, layer.name() + "." + parameter.name,
                             parameter.shape, weights_size_});
      check_initializer(parameter, parameters_.back().name);
      weights_size_ = checked_multiply(round_up(weights_size_ + parameter.shape.size(), kAlignment), 1);
    }
  }
}

int64_t Architecture::forward_flops() const {
  int64_t flops = 0;
  for (const auto& layer : layers_) flops += layer->flops();
  return flops;
}

int64_t Architecture::training_flops() const {
  int64_t flops = 0;
  bool first = true;
  for (const auto& layer : layers_) {
    flops += layer->flops() * (first ? 2 : 3);
    first &= layer->parameters().empty();
  }
  return flops;
}

void Architecture::export_parameter(int parameter, const float* storage, float* values) const {
  const Parameter& p = parameters_[static_cast<size_t>(parameter)];
  layers_[static_cast<size_t>(p.layer)]->to_file_layout(p.index, storage + p.offset, values);
}

void Architecture::import_parameter(int parameter, const float* values, float* storage) const {
  const Parameter& p = parameters_[static_cast<size_t>(parameter)];
  layers_[static_cast<size_t>(p.layer)]->from_file_layout(p.index, values, storage + p.offset);
}

Network::Network(std::shared_ptr<const Architecture> architecture)
    : architecture_(std::move(architecture)), weights_(architecture_->weights_size()) {}

Network::Network(std::shared_ptr<const Architecture> architecture, uint64_t seed) : Network(std::move(architecture)) {
  const auto& parameters = architecture_->parameters();
  std::vector<float> values;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& layer = *architecture_->layers()[static_cast<size_t>(parameters[i].layer)];
    values.resize(static_cast<size_t>(parameters[i].shape.size()));
    initialize(layer.parameters()[static_cast<size_t>(parameters[i].index)], seed, static_cast<uint32_t>(i), values);
    architecture_->import_parameter(static_cast<int>(i), values.data(), weights());
  }
}

std::shared_ptr<Network> Network::snapshot() {
  std::shared_ptr<Network> copy(new Network(architecture_));
  const std::shared_lock guard(lock_);
  std::copy_n(weights(), weights_.size(), copy->weights());
  return copy;
}

}  // namespace gradloom
