// Activations that a product's epilogue can apply and whose derivative follows from the output alone:
//   relu     max(z, 0), derivative 0 at 0           tanh     tanh z, derivative 1 - y^2
//   sigmoid  1 / (1 + e^-z), derivative y (1 - y)   softmax  e^(z - max z) / sum over the row, Jacobian diag(y) - y y^T
//   leakyRelu  z, or slope z where z <= 0; derivative 1 or slope (A. Maas et al., ICML 2013)
//   elu        z, or alpha (e^z - 1) where z <= 0; derivative 1 or y + alpha (D. Clevert et al., ICLR 2016)
//   logSoftmax z - max z - ln(sum over the row of e^(z - max z)), Jacobian I - 1 (e^y)^T
// NaN stays NaN in all of them, so that the loss reports it.
#pragma once

#include <cstdint>
#include <string>

namespace gradloom {

struct Activation {
  enum Kind { kLinear, kRelu, kTanh, kSigmoid, kSoftmax, kLeakyRelu, kElu, kLogSoftmax };

  constexpr Activation(Kind given, float value = 0)  // NOLINT(google-explicit-constructor)
      : kind(given), parameter(value) {}
  // Whether a value depends on the whole row, so that a row must be complete and side by side.
  constexpr bool spans_row() const { return kind == kSoftmax || kind == kLogSoftmax; }

  Kind kind;
  float parameter;  // leakyRelu: the slope, at least 0; elu: alpha, above 0
};

inline bool operator==(Activation a, Activation b) { return a.kind == b.kind && a.parameter == b.parameter; }
inline bool operator!=(Activation a, Activation b) { return !(a == b); }

// "linear", "relu", ..., with slope 0.01 and alpha 1; throws INVALID_SPEC for another name.
Activation parse_activation(const std::string& name);

// Rows of `columns` floats, `stride` floats apart.
struct RowBlock {
  int64_t rows;
  int64_t columns;
  int64_t stride;
};

// z[r, c] = activation(z[r, c] + bias[c]), in place; bias may be null.
void add_bias_and_activate(Activation activation, const RowBlock& block, const float* bias, float* z);

// gradient[r, c], the loss by y, becomes the loss by z in place; y is what the forward pass gave.
void activation_backward(Activation activation, const RowBlock& block, const float* y, float* gradient);

// total[c] += sum over r of values[r, c]. Rows are summed in blocks of 64 before they meet the total, so that long sums
// (the bias of a convolution) lose no digits; the order depends on the shape alone.
void add_column_sums(const RowBlock& block, const float* values, float* total);

}  // namespace gradloom
