// The kinds of layers that exist. A new layer is one line in registry.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "layers/layer.h"

namespace gradloom {

// The layer that `spec` names by its "kind", for samples whose inputs have these shapes. Throws UNKNOWN_KIND,
// INVALID_SPEC or SHAPE_MISMATCH, naming the layer.
std::unique_ptr<Layer> make_layer(const Spec& spec, std::span<const Shape> input_shapes);

inline std::unique_ptr<Layer> make_layer(const Spec& spec, const Shape& input_shape) {
  return make_layer(spec, std::span(&input_shape, 1));
}

std::vector<std::string> layer_kinds();

}  // namespace gradloom
