// How weights start: a function of (seed, parameter, position) alone.
#pragma once

#include <cstdint>
#include <span>

#include "layers/layer.h"

namespace gradloom {

// Fills `values`, in file layout, by the parameter's initializer; `stream` is the parameter's number in the network.
void initialize(const ParameterSpec& parameter, uint64_t seed, uint32_t stream, std::span<float> values);

}  // namespace gradloom
