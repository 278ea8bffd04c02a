#include "layers/reshaping/flatten.h"

namespace gradloom {

Flatten::Flatten(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
  set_output_shape({input_shape.size()});
}

LayerNeeds Flatten::needs(const LayerSetting& /*setting*/) const { return {.kernel = "alias", .aliases_input = true}; }

void Flatten::forward(const ForwardArguments& /*args*/) const {}

void Flatten::backward(const BackwardArguments& /*args*/) const {}

}  // namespace gradloom
