// The instruction set that Highway dispatches to on this processor, for instance "AVX3".
#pragma once

#include <string>

namespace gradloom {

const char* simd_target();

// Once a process, before any kernel runs: dispatches to this instruction set, as if the processor had no better one, or
// to its best for an empty name. INVALID_OPTION for a name that is none of the processor's, and later for another one
// than was chosen.
void choose_simd_target(const std::string& name);

}  // namespace gradloom
