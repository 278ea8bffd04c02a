// How weights start: a function of (seed, parameter, position) alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "layers/layer.h"

namespace gradloom {

// Throws SHAPE_MISMATCH when given values are not of the parameter's shape; `name` is its full name.
void check_initializer(const ParameterSpec& parameter, const std::string& name);

// Fills `values`, in file layout, by the parameter's initializer; `stream` is the parameter's number in the network.
void initialize(const ParameterSpec& parameter, uint64_t seed, uint32_t stream, std::span<float> values);

}  // namespace gradloom
