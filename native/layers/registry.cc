#include "layers/registry.h"

#include <map>

#include "common/error.h"
#include "layers/activation.h"
#include "layers/average_pool2d.h"
#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/input_activation.h"
#include "layers/layer_norm.h"
#include "layers/max_pool2d.h"

namespace gradloom {
namespace {

using Factory = std::unique_ptr<Layer> (*)(const Spec&, const Shape&);

template <class T>
std::unique_ptr<Layer> make(const Spec& spec, const Shape& input_shape) {
  return std::make_unique<T>(spec, input_shape);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table = {
      {"averagePool2d", make<AveragePool2d>},
      {"batchNorm", make<BatchNorm>},
      {"conv2d", make<Conv2d>},
      {"dense", make<Dense>},
      {"dropout", make<Dropout>},
      {"elu", make<ActivationLayer>},
      {"flatten", make<Flatten>},
      {"gelu", make<InputActivationLayer>},
      {"globalAveragePool2d", make<GlobalAveragePool2d>},
      {"globalMaxPool2d", make<GlobalMaxPool2d>},
      {"layerNorm", make<LayerNorm>},
      {"leakyRelu", make<ActivationLayer>},
      {"logSoftmax", make<ActivationLayer>},
      {"maxPool2d", make<MaxPool2d>},
      {"relu", make<ActivationLayer>},
      {"sigmoid", make<ActivationLayer>},
      {"silu", make<InputActivationLayer>},
      {"softmax", make<ActivationLayer>},
      {"softplus", make<InputActivationLayer>},
      {"tanh", make<ActivationLayer>},
  };
  return table;
}

}  // namespace

std::unique_ptr<Layer> make_layer(const Spec& spec, const Shape& input_shape) {
  const std::string& kind = spec.string("kind");
  const auto found = factories().find(kind);
  if (found == factories().end()) throw Error("UNKNOWN_KIND", "there is no layer of kind \"" + kind + "\"");
  return found->second(spec, input_shape);
}

std::vector<std::string> layer_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, factory] : factories()) kinds.push_back(kind);
  return kinds;
}

}  // namespace gradloom
