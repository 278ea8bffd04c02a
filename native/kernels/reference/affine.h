// out[i] = x[i] * scale[i] + shift[i], in double, for float and byte inputs.
#pragma once

#include <cstdint>

namespace gradloom::reference {

template <class Input>
void affine(const Input* x, const double* scale, const double* shift, int64_t count, double* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<double>(x[i]) * scale[i] + shift[i];
}

}  // namespace gradloom::reference
