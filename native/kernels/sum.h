// out[i] = a[i] + b[i] for i in [0, count). `out` may be `a`.
#pragma once

#include <cstdint>

namespace gradloom {

void sum(const float* a, const float* b, int64_t count, float* out);

}  // namespace gradloom
