// The instruction set that Highway dispatches to on this processor, for instance "AVX3".
#pragma once

namespace gradloom {

const char* simd_target();

}  // namespace gradloom
