#include "training/network.h"

#include <algorithm>
#include <cmath>
#include <shared_mutex>

#include "common/checked.h"
#include "common/error.h"
#include "layers/registry.h"
#include "training/initial_weights.h"

namespace gradloom {

Architecture::Architecture(const Shape& input_shape, const Spec::List& layers)
    : input_shape_(input_shape), depends_on_weights_{false}, input_rows_(input_shape.size()) {
  constexpr int64_t kAlignment = kCacheLine / static_cast<int64_t>(sizeof(float));
  for (const Spec& spec : layers) {
    inputs_.push_back(find_inputs(spec));
    std::vector<Shape> shapes;
    bool depends = false;
    for (const int value : inputs_.back()) {
      shapes.push_back(value == 0 ? input_shape_ : layers_[static_cast<size_t>(value - 1)]->output_shape());
      depends |= depends_on_weights(value);
    }
    layers_.push_back(make_layer(spec, shapes));
    const Layer& layer = *layers_.back();
    check_form(layer, inputs_.back());
    depends_on_weights_.push_back(depends || layer.learns());
    first_parameters_.push_back(static_cast<int>(parameters_.size()));
    int index = 0;
    for (const ParameterSpec& parameter : layer.parameters()) {
      parameters_.push_back({static_cast<int>(layers_.size()) - 1, index++, layer.name() + "." + parameter.name,
                             parameter.shape, weights_size_, parameter.role, parameter.row_width,
                             parameter.row_width > 0 ? -1 : gradients_size_, parameter.regularizer});
      check_initializer(parameter, parameters_.back().name);
      weights_size_ = checked_multiply(round_up(weights_size_ + parameter.shape.size(), kAlignment), 1);
      if (parameter.row_width == 0) gradients_size_ = round_up(gradients_size_ + parameter.shape.size(), kAlignment);
    }
  }
  check_all_read();
}

std::vector<int> Architecture::find_inputs(const Spec& spec) const {
  if (!spec.has("inputs")) return {static_cast<int>(layers_.size())};
  std::vector<int> values;
  for (const std::string& name : spec.strings("inputs")) {
    const auto found =
        std::find_if(layers_.begin(), layers_.end(), [&](const auto& layer) { return layer->name() == name; });
    if (found != layers_.end()) {
      values.push_back(static_cast<int>(found - layers_.begin()) + 1);
    } else if (name == "@input") {
      values.push_back(0);
    } else {
      throw Error("INVALID_SPEC",
                  "layer \"" + spec.string("name") + "\" reads \"" + name + "\", which is no layer before it");
    }
  }
  return values;
}

void Architecture::check_all_read() const {
  std::vector<bool> read(layers_.size() + 1, false);
  for (const std::vector<int>& inputs : inputs_) {
    for (const int value : inputs) read[static_cast<size_t>(value)] = true;
  }
  for (size_t layer = 0; layer + 1 < layers_.size(); ++layer) {
    if (!read[layer + 1]) {
      throw Error("INVALID_SPEC", "no layer reads the output of layer \"" + layers_[layer]->name() + "\"");
    }
  }
}

void Architecture::check_form(const Layer& layer, const std::vector<int>& inputs) {
  const InputForm form = layer.input_form();
  const bool reads_input = std::find(inputs.begin(), inputs.end(), 0) != inputs.end();
  if (form != InputForm::kFloats && !reads_input) {
    throw Error("INVALID_SPEC",
                "layer \"" + layer.name() +
                    "\" reads ids or sparse samples, which only the model's input can be, not layer \"" +
                    layers_[static_cast<size_t>(inputs.front() - 1)]->name() + "\"");
  }
  if (!reads_input) return;
  const bool first = std::none_of(inputs_.begin(), inputs_.end() - 1, [](const std::vector<int>& read) {
    return std::find(read.begin(), read.end(), 0) != read.end();
  });
  if (!first && form != input_form_) {
    throw Error("INVALID_SPEC", "layer \"" + layer.name() +
                                    "\" reads the model's input in another form than the layers before it: floats, ids "
                                    "and sparse samples do not mix");
  }
  input_form_ = form;
  if (form == InputForm::kIds) {
    input_rows_ = first ? layer.id_bound() : std::min(input_rows_, layer.id_bound());
  }
}

int64_t Architecture::forward_flops() const {
  int64_t flops = 0;
  for (const auto& layer : layers_) flops += layer->flops();
  return flops;
}

int64_t Architecture::training_flops() const {
  int64_t flops = 0;
  for (size_t layer = 0; layer < layers_.size(); ++layer) flops += training_flops(static_cast<int>(layer));
  return flops;
}

int64_t Architecture::training_flops(int layer) const {
  const std::vector<int>& inputs = inputs_of(layer);
  const bool passes_on =
      std::any_of(inputs.begin(), inputs.end(), [&](int value) { return depends_on_weights(value); });
  const Layer& at = *layers_[static_cast<size_t>(layer)];
  return at.flops() * (1 + (at.trainable() ? 1 : 0) + (passes_on ? 1 : 0));
}

void Architecture::to_file_layout(int parameter, const float* stored, float* file) const {
  const Parameter& p = parameters_[static_cast<size_t>(parameter)];
  layers_[static_cast<size_t>(p.layer)]->to_file_layout(p.index, stored, file);
}

void Architecture::from_file_layout(int parameter, const float* file, float* stored) const {
  const Parameter& p = parameters_[static_cast<size_t>(parameter)];
  layers_[static_cast<size_t>(p.layer)]->from_file_layout(p.index, file, stored);
}

void Architecture::export_parameter(int parameter, const float* storage, float* values) const {
  to_file_layout(parameter, storage + parameters_[static_cast<size_t>(parameter)].offset, values);
}

void Architecture::import_parameter(int parameter, const float* values, float* storage) const {
  from_file_layout(parameter, values, storage + parameters_[static_cast<size_t>(parameter)].offset);
}

bool Architecture::has_regularizers() const {
  return std::any_of(parameters_.begin(), parameters_.end(),
                     [](const Parameter& p) { return p.role == ParameterRole::kTrained && !p.regularizer.none(); });
}

double Architecture::penalty(const float* weights) const {
  double penalty = 0;
  for (const Parameter& p : parameters_) {
    if (p.role != ParameterRole::kTrained || p.regularizer.none()) continue;
    double absolute = 0;
    double squares = 0;
    for (int64_t i = 0; i < p.shape.size(); ++i) {
      const double w = weights[p.offset + i];
      absolute += std::abs(w);
      squares += w * w;
    }
    penalty += p.regularizer.l1 * absolute + p.regularizer.l2 * squares;
  }
  return penalty;
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
