// The instruction set that Highway dispatches to on this processor, for instance "AVX3".
#pragma once

#include <string>

namespace gradloom {

const char* simd_target();

// Dispatches to this instruction set from now on, as if the processor had no better one: for measuring, and where a
// better one makes it slow. Of the name in GRADLOOM_SIMD; INVALID_OPTION with those that there are for any other.
void hold_to_simd_target(const std::string& name);

}  // namespace gradloom
