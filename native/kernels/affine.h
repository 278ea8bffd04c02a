// out[i] = x[i] * scale[i] + shift[i] for i in [0, count): how a sample is normalised on its way into a batch.
#pragma once

#include <cstdint>

namespace gradloom {

void affine(const float* x, const float* scale, const float* shift, int64_t count, float* out);
void affine_from_bytes(const uint8_t* x, const float* scale, const float* shift, int64_t count, float* out);

}  // namespace gradloom
