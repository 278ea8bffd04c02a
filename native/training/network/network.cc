#include "training/network/network.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/layout/lanes.h"
#include "layers/registry.h"
#include "training/network/initial_weights.h"
#include "training/threads/reading_lock.h"

namespace gradloom {
namespace {

// Of the inputs and the output of the layer that has most of them, a sample.
int64_t largest_floats(const std::vector<std::unique_ptr<Layer>>& layers) {
  int64_t largest = 1;
  for (const auto& layer : layers) {
    largest = std::max(largest, layer->input_shape().size() + layer->output_shape().size());
  }
  return largest;
}

bool is_one_pixel(const Shape& shape) { return shape.size() == shape.back(); }

// Whether convolutions predict in rows, be it of some samples or many, and nothing asks for lanes. Then pieces of few
// samples cost no more a sample. Without convolutions, weights are most of what comes from memory.
bool convolves_in_rows(const std::vector<std::unique_ptr<Layer>>& layers) {
  const auto in_rows = [](const Layer& layer) {
    if (layer.in_rows(kLanes) != nullptr) return true;
    if (layer.layout(kLanes, Layout::kRows) != Layout::kRows) return false;
    // Fewer samples go by a kernel that multiplies padding's zeros, but for one pixel.
    return is_one_pixel(layer.output_shape()) ||
           std::string_view(layer.needs({kLanes, Phase::kPredicting, 1}).kernel) != "direct-pixels";
  };
  return std::ranges::any_of(layers, [](const auto& layer) { return layer->in_rows(kLanes) != nullptr; }) &&
         std::ranges::all_of(layers, [&](const auto& layer) { return in_rows(*layer); });
}

}  // namespace

Architecture::Architecture(const Shape& input_shape, const Spec::List& layers)
    : Architecture(NetworkInputs{{{"input", input_shape}}}, layers) {}

Architecture::Architecture(NetworkInputs inputs, const Spec::List& layers)
    : inputs_(std::move(inputs.list)), depends_on_weights_(inputs_.size(), false) {
  for (NetworkInput& input : inputs_) input.rows = input.shape.size();
  for (const Spec& spec : layers) {
    read_.push_back(find_inputs(spec));
    std::vector<Shape> shapes;
    bool depends = false;
    for (const int value : read_.back()) {
      shapes.push_back(shape_of(value));
      depends |= depends_on_weights(value);
    }
    layers_.push_back(make_layer(spec, shapes));
    const Layer& layer = *layers_.back();
    check_form(layer, read_.back());
    depends_on_weights_.push_back(depends || layer.learns());
    adds_gradients_.push_back(false);
    if (spec.has("shares")) {
      share_parameters(layer, find_layer(spec.string("shares")));
    } else {
      add_parameters(layer);
    }
  }
  check_all_read();
}

void Architecture::add_parameters(const Layer& layer) {
  constexpr int64_t kAlignment = kCacheLine / static_cast<int64_t>(sizeof(float));
  owners_.push_back(static_cast<int>(layers_.size()) - 1);
  first_parameters_.push_back(static_cast<int>(parameters_.size()));
  int index = 0;
  for (const ParameterSpec& parameter : layer.parameters()) {
    parameters_.push_back({owners_.back(), index++, layer.name() + "." + parameter.name, parameter.shape, weights_size_,
                           parameter.role, parameter.row_width, parameter.element,
                           parameter.row_width > 0 ? -1 : gradients_size_, parameter.regularizer});
    check_initializer(parameter, parameters_.back().name);
    weights_size_ = checked_multiply(round_up(weights_size_ + parameter.storage_size(), kAlignment), 1);
    if (parameter.row_width == 0) gradients_size_ = round_up(gradients_size_ + parameter.shape.size(), kAlignment);
  }
}

// The one that the owner's last user so far had to add to no other now adds to this one.
void Architecture::share_parameters(const Layer& layer, int owner) {
  const std::string start = "layer \"" + layer.name() + "\" shares the weights of ";
  if (owner < 0 || owner == static_cast<int>(layers_.size()) - 1) {
    throw Error("INVALID_SPEC", start + "no layer before it");
  }
  owner = owners_[static_cast<size_t>(owner)];
  const Layer& first = *layers_[static_cast<size_t>(owner)];
  const auto alike = [](const ParameterSpec& a, const ParameterSpec& b) {
    return a.name == b.name && a.shape == b.shape && a.role == b.role && a.row_width == b.row_width &&
           a.element == b.element;
  };
  if (first.kind() != layer.kind() || first.parameters().size() != layer.parameters().size() ||
      !std::equal(first.parameters().begin(), first.parameters().end(), layer.parameters().begin(), alike)) {
    throw Error("SHAPE_MISMATCH", start + "\"" + first.name() + "\", but its input of shape " +
                                      layer.input_shape().to_string() + " needs others than " +
                                      first.input_shape().to_string());
  }
  for (const ParameterSpec& parameter : layer.parameters()) {
    if (parameter.role != ParameterRole::kStatistic) continue;
    throw Error("INVALID_SPEC", start + "\"" + first.name() + "\", which keeps running statistics of its own input (" +
                                    parameter.name + "); use a layer of its own");
  }
  owners_.push_back(owner);
  first_parameters_.push_back(first_parameters_[static_cast<size_t>(owner)]);
  for (size_t user = 0; user + 1 < layers_.size(); ++user) {
    if (owners_[user] == owner) adds_gradients_[user] = true;
  }
}

bool Architecture::shares_gradients() const {
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const auto& own = layers_[layer]->parameters();
    const bool summed = std::any_of(own.begin(), own.end(), [](const ParameterSpec& parameter) {
      return parameter.row_width == 0 && parameter.role == ParameterRole::kTrained;
    });
    if (adds_gradients_[layer] && summed) return true;
  }
  return false;
}

std::vector<int> Architecture::users_of(int parameter) const {
  std::vector<int> users;
  const int owner = parameters_[static_cast<size_t>(parameter)].layer;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    if (owners_[layer] == owner) users.push_back(static_cast<int>(layer));
  }
  return users;
}

int Architecture::find_layer(const std::string& name) const {
  const auto found =
      std::find_if(layers_.begin(), layers_.end(), [&](const auto& layer) { return layer->name() == name; });
  return found == layers_.end() ? -1 : static_cast<int>(found - layers_.begin());
}

const Shape& Architecture::shape_of(int value) const {
  return value < input_count() ? inputs_[static_cast<size_t>(value)].shape
                               : layers_[static_cast<size_t>(value - input_count())]->output_shape();
}

std::vector<int> Architecture::find_inputs(const Spec& spec) const {
  // A first layer reads the first input.
  if (!spec.has("inputs")) return {layers_.empty() ? 0 : value_of(static_cast<int>(layers_.size()) - 1)};
  std::vector<int> values;
  for (const std::string& name : spec.strings("inputs")) {
    const int layer = find_layer(name);
    const auto input =
        std::find_if(inputs_.begin(), inputs_.end(), [&](const NetworkInput& i) { return "@" + i.name == name; });
    if (layer >= 0) {
      values.push_back(value_of(layer));
    } else if (input != inputs_.end()) {
      values.push_back(static_cast<int>(input - inputs_.begin()));
    } else {
      throw Error("INVALID_SPEC",
                  "layer \"" + spec.string("name") + "\" reads \"" + name + "\", which is no layer before it");
    }
  }
  return values;
}

void Architecture::check_all_read() const {
  if (layers_.empty()) return;
  std::vector<bool> read(inputs_.size() + layers_.size(), false);
  for (const std::vector<int>& values : read_) {
    for (const int value : values) read[static_cast<size_t>(value)] = true;
  }
  for (size_t input = 0; input < inputs_.size(); ++input) {
    if (!read[input]) throw Error("INVALID_SPEC", "no layer reads the input \"" + inputs_[input].name + "\"");
  }
  for (size_t layer = 0; layer + 1 < layers_.size(); ++layer) {
    if (!read[inputs_.size() + layer]) {
      throw Error("INVALID_SPEC", "no layer reads the output of layer \"" + layers_[layer]->name() + "\"");
    }
  }
}

void Architecture::check_form(const Layer& layer, const std::vector<int>& values) {
  const InputForm form = layer.input_form();
  for (const int value : values) {
    if (value >= input_count()) {
      if (form == InputForm::kFloats) continue;
      throw Error("INVALID_SPEC",
                  "layer \"" + layer.name() +
                      "\" reads ids or sparse samples, which only the model's input can be, not layer \"" +
                      layers_[static_cast<size_t>(value - input_count())]->name() + "\"");
    }
    NetworkInput& input = inputs_[static_cast<size_t>(value)];
    const bool first = std::none_of(read_.begin(), read_.end() - 1, [&](const std::vector<int>& read) {
      return std::find(read.begin(), read.end(), value) != read.end();
    });
    if (!first && form != input.form) {
      const std::string which = input_count() == 1 ? "the model's input" : "the input \"" + input.name + "\"";
      throw Error("INVALID_SPEC", "layer \"" + layer.name() + "\" reads " + which +
                                      " in another form than the layers before it: floats, ids and sparse samples do "
                                      "not mix");
    }
    input.form = form;
    if (form == InputForm::kIds) input.rows = first ? layer.id_bound() : std::min(input.rows, layer.id_bound());
  }
}

int64_t Architecture::forward_flops() const {
  int64_t flops = 0;
  for (const auto& layer : layers_) flops += layer->flops();
  return flops;
}

const PredictionShape& Architecture::prediction_shape() const {
  std::call_once(shape_made_, [this] {
    prediction_shape_ = {largest_floats(layers_), forward_flops(), weights_size_, convolves_in_rows(layers_)};
  });
  return prediction_shape_;
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
  const Parameter& p = parameters_[static_cast<size_t>(parameter)];
  if (p.element == ElementType::kFloat32) return to_file_layout(parameter, storage + p.offset, values);
  layers_[static_cast<size_t>(p.layer)]->widen_to_file_layout(p.index, as_bfloat16(storage + p.offset), values);
}

void Architecture::import_parameter(int parameter, const float* values, float* storage) const {
  const Parameter& p = parameters_[static_cast<size_t>(parameter)];
  if (p.element == ElementType::kFloat32) return from_file_layout(parameter, values, storage + p.offset);
  layers_[static_cast<size_t>(p.layer)]->round_from_file_layout(p.index, values, as_bfloat16(storage + p.offset));
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
    const ParameterSpec& spec = layer.parameters()[static_cast<size_t>(parameters[i].index)];
    // The buffer holds zeros already: a table of gigabytes needs no second one.
    if (spec.initializer.zeros()) continue;
    values.resize(static_cast<size_t>(parameters[i].shape.size()));
    initialize(spec, seed, static_cast<uint32_t>(i), values);
    architecture_->import_parameter(static_cast<int>(i), values.data(), weights());
  }
}

void Network::lend(LazyWeights* to) {
  if (to == lazy_weights_) return;
  settle();
  lazy_weights_ = to;
}

std::shared_ptr<Network> Network::snapshot() {
  auto copy = std::make_shared<Network>(architecture_);
  const ReadingLock guard(*this);
  std::copy_n(weights(), weights_.size(), copy->weights());
  return copy;
}

std::shared_ptr<const AlignedBuffer> Network::prepared(Team& team, const Layer& layer, std::span<const int> numbers,
                                                       int64_t batch, const LayerNeeds& needs) {
  const std::lock_guard guard(preparing_);
  auto found = std::find_if(prepared_.begin(), prepared_.end(), [&](const Prepared& prepared) {
    return prepared.layer == numbers.front() && prepared.kernel == needs.kernel;
  });
  if (found != prepared_.end() && found->version == lock_.version()) return found->floats;
  if (found == prepared_.end()) found = prepared_.insert(prepared_.end(), {numbers.front(), needs.kernel, 0, nullptr});
  // The memory is taken again, unless passes under way still read it.
  std::shared_ptr<AlignedBuffer> floats = std::move(found->floats);
  if (floats == nullptr || floats.use_count() > 1 || floats->size() != needs.prepared) {
    floats = nullptr;
    floats = std::make_shared<AlignedBuffer>(needs.prepared);
  }
  std::vector<const float*> parameters;
  for (const int number : numbers) {
    const auto first = static_cast<size_t>(architecture_->first_parameter(number));
    const size_t count = architecture_->layers()[static_cast<size_t>(number)]->parameters().size();
    for (size_t p = first; p < first + count; ++p) {
      parameters.push_back(weights() + architecture_->parameters()[p].offset);
    }
  }
  layer.prepare(team, batch, parameters, floats->data());
  found->version = lock_.version();
  found->floats = std::move(floats);
  return found->floats;
}

}  // namespace gradloom
