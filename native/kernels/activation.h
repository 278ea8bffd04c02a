// Activations that a product's epilogue can apply and whose derivative follows from the output alone:
//   relu     max(z, 0), derivative 0 at 0           tanh     tanh z, derivative 1 - y^2
//   sigmoid  1 / (1 + e^-z), derivative y (1 - y)   softmax  e^(z - max z) / sum over the row, Jacobian diag(y) - y y^T
// NaN stays NaN in all of them, so that the loss reports it.
#pragma once

#include <cstdint>
#include <string>

namespace gradloom {

enum class Activation { kLinear, kRelu, kTanh, kSigmoid, kSoftmax };

// "linear", "relu", ...; throws INVALID_SPEC for another name.
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
