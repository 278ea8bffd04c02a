#include "kernels/activation/activation.h"

#include <cmath>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation/activation.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/activation/exponential-inl.h"
#include "kernels/activation/relu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr int64_t kMostLanes = static_cast<int64_t>(hn::MaxLanes(D()));

// Calls body(index, loaded vector) -> stored vector over n floats; the tail is a partial vector.
template <class Body>
HWY_INLINE void transform(float* HWY_RESTRICT data, int64_t n, Body body) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(body(i, hn::LoadU(d, data + i), lanes), d, data + i);
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    store_first(body(i, load_first(d, data + i, rest), n - i), d, data + i, rest);
  }
}

HWY_INLINE V load(const float* data, int64_t count) {
  const D d;
  return count == static_cast<int64_t>(hn::Lanes(d)) ? hn::LoadU(d, data)
                                                     : load_first(d, data, static_cast<size_t>(count));
}

struct Linear {
  HWY_INLINE V forward(V z) const { return z; }
  HWY_INLINE V derivative(V /*y*/, V gradient) const { return gradient; }
};

struct Relu {
  HWY_INLINE V forward(V z) const { return relu(z); }
  HWY_INLINE V derivative(V y, V gradient) const { return hn::IfThenElseZero(hn::Gt(y, hn::Zero(D())), gradient); }
};

struct Tanh {
  // x P(x^2) / Q(x^2), fitted to the least relative error, 2.4e-8, over all x whose tangent is not 1 in float: within 6
  // units in the last place.
  HWY_INLINE V forward(V z) const {
    const D d;
    const V square = hn::Mul(z, z);
    const V p = polynomial(square, {1.0F, 0.133775011F, 3.49129131e-3F, 2.05341075e-5F, 1.32428868e-8F});
    const V q = polynomial(square, {1.0F, 0.46710822F, 2.58609168e-2F, 3.27842223e-4F, 7.73247393e-7F});
    const V quotient = hn::Div(hn::Mul(z, p), q);
    const V one = hn::Set(d, 1.0F);
    // Far out P and Q overflow. NaN is not far out.
    const auto far = hn::Or(hn::Gt(hn::Abs(z), hn::Set(d, 9.02F)), hn::Gt(hn::Abs(quotient), one));
    return hn::IfThenElse(far, hn::CopySign(one, z), quotient);
  }
  static HWY_INLINE V polynomial(V x, const float (&coefficients)[5]) {
    const D d;
    V sum = hn::Set(d, coefficients[4]);
    for (int power = 3; power >= 0; --power) sum = hn::MulAdd(sum, x, hn::Set(d, coefficients[power]));
    return sum;
  }
  HWY_INLINE V derivative(V y, V gradient) const { return hn::Mul(gradient, hn::NegMulAdd(y, y, hn::Set(D(), 1.0F))); }
};

struct Sigmoid {
  HWY_INLINE V forward(V z) const {
    const D d;
    const V one = hn::Set(d, 1.0F);
    // Beyond it the quotient is 0 to within the smallest normal number.
    const V negated = hn::Min(hn::Neg(z), hn::Set(d, kLargestExponent));
    return hn::IfThenElse(hn::IsNaN(z), z, hn::Div(one, hn::Add(one, exponential(d, negated))));
  }
  HWY_INLINE V derivative(V y, V gradient) const {
    return hn::Mul(gradient, hn::Mul(y, hn::Sub(hn::Set(D(), 1.0F), y)));
  }
};

struct LeakyRelu {
  V slope;
  HWY_INLINE V forward(V z) const { return hn::IfThenElse(hn::Gt(z, hn::Zero(D())), z, hn::Mul(slope, z)); }
  HWY_INLINE V derivative(V y, V gradient) const {
    return hn::IfThenElse(hn::Gt(y, hn::Zero(D())), gradient, hn::Mul(slope, gradient));
  }
};

struct Elu {
  V alpha;
  HWY_INLINE V forward(V z) const {
    const D d;
    const V zero = hn::Zero(d);
    // e^z - 1 is -1 long before -80. NaN goes the way of positive numbers.
    const V below = hn::Mul(alpha, exponential_minus_one(d, hn::Clamp(z, hn::Set(d, -80.0F), zero)));
    return hn::IfThenElse(hn::Le(z, zero), below, z);
  }
  HWY_INLINE V derivative(V y, V gradient) const {
    return hn::IfThenElse(hn::Gt(y, hn::Zero(D())), gradient, hn::Mul(gradient, hn::Add(y, alpha)));
  }
};

// Rows that follow one another without gaps are one row for what works element by element.
RowBlock joined(const RowBlock& block) {
  const int64_t all = block.rows * block.columns;
  return block.stride == block.columns ? RowBlock{1, all, all} : block;
}

// Rows shorter than a vector, side by side: vectors run over their ends, and biases come round again.
template <class Function>
void forward_short_rows(Function function, const RowBlock& block, const float* bias, float* z) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float repeated[kMostLanes * kMostLanes];
  for (int64_t lane = 0; lane < lanes; ++lane) {
    for (int64_t column = 0; column < block.columns; ++column) repeated[lane * block.columns + column] = bias[column];
  }
  int64_t at = 0;
  transform(z, block.rows * block.columns, [&, function](int64_t, V v, int64_t) HWY_ATTR {
    const V of_vector = hn::Load(d, repeated + at);
    at = at + lanes == block.columns * lanes ? 0 : at + lanes;
    return function.forward(hn::Add(v, of_vector));
  });
}

template <class Function>
void forward_rows(Function function, const RowBlock& block, const float* bias, float* z) {
  if (bias == nullptr) {
    const RowBlock rows = joined(block);
    for (int64_t row = 0; row < rows.rows; ++row) {
      transform(z + row * rows.stride, rows.columns,
                [function](int64_t, V v, int64_t) HWY_ATTR { return function.forward(v); });
    }
  } else if (block.stride == block.columns && block.columns < static_cast<int64_t>(hn::Lanes(D()))) {
    forward_short_rows(function, block, bias, z);
  } else {
    for (int64_t row = 0; row < block.rows; ++row) {
      transform(z + row * block.stride, block.columns, [function, bias](int64_t i, V v, int64_t count) HWY_ATTR {
        return function.forward(hn::Add(v, load(bias + i, count)));
      });
    }
  }
}

template <class Function>
void backward_rows(Function function, const RowBlock& block, const float* y, float* gradient) {
  const RowBlock rows = joined(block);
  for (int64_t row = 0; row < rows.rows; ++row) {
    const float* outputs = y + row * rows.stride;
    transform(gradient + row * rows.stride, rows.columns, [function, outputs](int64_t i, V g, int64_t count) HWY_ATTR {
      return function.derivative(load(outputs + i, count), g);
    });
  }
}

void softmax_row(float* z, int64_t columns) {
  const D d;
  float largest = z[0];
  for (int64_t i = 1; i < columns; ++i) largest = z[i] > largest ? z[i] : largest;
  const V shift = hn::Set(d, largest);
  transform(z, columns, [&](int64_t, V v, int64_t) HWY_ATTR {
    return hn::IfThenElse(hn::IsNaN(v), v, exponential(d, hn::Sub(v, shift)));
  });
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) sum += z[i];
  const V inverse = hn::Set(d, static_cast<float>(1.0 / sum));
  transform(z, columns, [&](int64_t, V v, int64_t) HWY_ATTR { return hn::Mul(v, inverse); });
}

void softmax_row_backward(const float* y, float* gradient, int64_t columns) {
  const D d;
  double dot = 0;
  for (int64_t i = 0; i < columns; ++i) dot += static_cast<double>(y[i]) * gradient[i];
  const V shift = hn::Set(d, static_cast<float>(dot));
  transform(gradient, columns,
            [&](int64_t i, V g, int64_t count) HWY_ATTR { return hn::Mul(load(y + i, count), hn::Sub(g, shift)); });
}

void log_softmax_row(float* z, int64_t columns) {
  const D d;
  float largest = z[0];
  for (int64_t i = 1; i < columns; ++i) largest = z[i] > largest ? z[i] : largest;
  const V shift = hn::Set(d, largest);
  V sums = hn::Zero(d);
  transform(z, columns, [&](int64_t, V v, int64_t count) HWY_ATTR {
    const V shifted = hn::Sub(v, shift);
    const V power = hn::IfThenElse(hn::IsNaN(v), v, exponential(d, shifted));
    sums = hn::Add(sums, hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(count)), power));
    return shifted;
  });
  const V logarithm = hn::Set(d, std::log(hn::GetLane(hn::SumOfLanes(d, sums))));
  transform(z, columns, [&](int64_t, V v, int64_t) HWY_ATTR { return hn::Sub(v, logarithm); });
}

void log_softmax_row_backward(const float* y, float* gradient, int64_t columns) {
  const D d;
  double total = 0;
  for (int64_t i = 0; i < columns; ++i) total += gradient[i];
  const V sum = hn::Set(d, static_cast<float>(total));
  transform(gradient, columns, [&](int64_t i, V g, int64_t count) HWY_ATTR {
    const V y_row = load(y + i, count);
    const V probability = hn::IfThenElse(hn::IsNaN(y_row), y_row, exponential(d, y_row));
    return hn::NegMulAdd(probability, sum, g);
  });
}

void AddBiasAndActivate(Activation activation, const RowBlock& block, const float* bias, float* z) {
  switch (activation.kind) {
    case Activation::kLinear: {
      if (bias != nullptr) forward_rows(Linear(), block, bias, z);
      break;
    }
    case Activation::kRelu: forward_rows(Relu(), block, bias, z); break;
    case Activation::kTanh: forward_rows(Tanh(), block, bias, z); break;
    case Activation::kSigmoid: forward_rows(Sigmoid(), block, bias, z); break;
    case Activation::kSoftmax: {
      if (bias != nullptr) forward_rows(Linear(), block, bias, z);
      for (int64_t row = 0; row < block.rows; ++row) softmax_row(z + row * block.stride, block.columns);
      break;
    }
    case Activation::kLeakyRelu: forward_rows(LeakyRelu{hn::Set(D(), activation.parameter)}, block, bias, z); break;
    case Activation::kElu: forward_rows(Elu{hn::Set(D(), activation.parameter)}, block, bias, z); break;
    case Activation::kLogSoftmax: {
      if (bias != nullptr) forward_rows(Linear(), block, bias, z);
      for (int64_t row = 0; row < block.rows; ++row) log_softmax_row(z + row * block.stride, block.columns);
      break;
    }
  }
}

void ActivationBackward(Activation activation, const RowBlock& block, const float* y, float* gradient) {
  switch (activation.kind) {
    case Activation::kLinear: break;
    case Activation::kRelu: backward_rows(Relu(), block, y, gradient); break;
    case Activation::kTanh: backward_rows(Tanh(), block, y, gradient); break;
    case Activation::kSigmoid: backward_rows(Sigmoid(), block, y, gradient); break;
    case Activation::kSoftmax: {
      for (int64_t row = 0; row < block.rows; ++row) {
        softmax_row_backward(y + row * block.stride, gradient + row * block.stride, block.columns);
      }
      break;
    }
    case Activation::kLeakyRelu:
      backward_rows(LeakyRelu{hn::Set(D(), activation.parameter)}, block, y, gradient);
      break;
    case Activation::kElu: backward_rows(Elu{hn::Set(D(), activation.parameter)}, block, y, gradient); break;
    case Activation::kLogSoftmax: {
      for (int64_t row = 0; row < block.rows; ++row) {
        log_softmax_row_backward(y + row * block.stride, gradient + row * block.stride, block.columns);
      }
      break;
    }
  }
}

// kCount vectors of columns side by side, so that sums do not wait for each other, as long as there are so many from
// `column` on, which moves behind them.
template <int kCount>
HWY_INLINE void add_vector_sums(const RowBlock& block, const float* values, int64_t& column, float* total) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; column + kCount * lanes <= block.columns; column += kCount * lanes) {
    V sums[kCount];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (int64_t row = 0; row < block.rows; ++row) {
      const float* const from = values + row * block.stride + column;
      for (int v = 0; v < kCount; ++v) sums[v] = hn::Add(sums[v], hn::LoadU(d, from + v * lanes));
    }
    for (int v = 0; v < kCount; ++v) {
      float* const to = total + column + v * lanes;
      hn::StoreU(hn::Add(hn::LoadU(d, to), sums[v]), d, to);
    }
  }
}

void AddColumnSums(const RowBlock& block, const float* values, float* total) {
  constexpr int64_t kBlock = 64;
  const D d;
  for (int64_t first = 0; first < block.rows; first += kBlock) {
    const RowBlock part{HWY_MIN(kBlock, block.rows - first), block.columns, block.stride};
    const float* const from = values + first * block.stride;
    int64_t column = 0;
    add_vector_sums<8>(part, from, column, total);
    add_vector_sums<4>(part, from, column, total);
    add_vector_sums<2>(part, from, column, total);
    add_vector_sums<1>(part, from, column, total);
    if (column == block.columns) continue;
    const auto rest = static_cast<size_t>(block.columns - column);
    V sum = hn::Zero(d);
    for (int64_t row = 0; row < part.rows; ++row) {
      sum = hn::Add(sum, load_first(d, from + row * block.stride + column, rest));
    }
    store_first(hn::Add(load_first(d, total + column, rest), sum), d, total + column, rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AddBiasAndActivate);
HWY_EXPORT(ActivationBackward);
HWY_EXPORT(AddColumnSums);

Activation parse_activation(const std::string& name) {
  if (name == "linear") return Activation::kLinear;
  if (name == "relu") return Activation::kRelu;
  if (name == "tanh") return Activation::kTanh;
  if (name == "sigmoid") return Activation::kSigmoid;
  if (name == "softmax") return Activation::kSoftmax;
  if (name == "leakyRelu") return {Activation::kLeakyRelu, 0.01F};
  if (name == "elu") return {Activation::kElu, 1.0F};
  if (name == "logSoftmax") return Activation::kLogSoftmax;
  throw Error("INVALID_SPEC", "unknown activation \"" + name +
                                  "\"; known are linear, relu, tanh, sigmoid, softmax, leakyRelu, elu and logSoftmax");
}

void add_bias_and_activate(Activation activation, const RowBlock& block, const float* bias, float* z) {
  HWY_DYNAMIC_DISPATCH(AddBiasAndActivate)(activation, block, bias, z);
}

void activation_backward(Activation activation, const RowBlock& block, const float* y, float* gradient) {
  HWY_DYNAMIC_DISPATCH(ActivationBackward)(activation, block, y, gradient);
}

void add_column_sums(const RowBlock& block, const float* values, float* total) {
  HWY_DYNAMIC_DISPATCH(AddColumnSums)(block, values, total);
}

}  // namespace gradloom
#endif  // HWY_ONCE
