// How a sample is normalised on its way into a batch, for i in [0, count).
#pragma once

#include <cstdint>

namespace gradloom {

// out[i] = x[i] * scale[i] + shift[i]
void affine(const float* x, const float* scale, const float* shift, int64_t count, float* out);
void affine_from_bytes(const uint8_t* x, const float* scale, const float* shift, int64_t count, float* out);

// out[i] = (x[i] * gain + offset) * scale[i] + shift[i]
void affine_twice(const float* x, float gain, float offset, const float* scale, const float* shift, int64_t count,
                  float* out);
void affine_twice_from_bytes(const uint8_t* x, float gain, float offset, const float* scale, const float* shift,
                             int64_t count, float* out);

}  // namespace gradloom
