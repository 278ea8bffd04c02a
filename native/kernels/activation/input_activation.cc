#include "kernels/activation/input_activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation/input_activation.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

#include "kernels/activation/exponential-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V constant(float value) { return hn::Set(D(), value); }

// s(x) and s(-x); the second is not 1 - s(x), which would lose all digits for large x. e^-x is cut where s is 0 or 1 to
// within the smallest normal number.
struct Logistic {
  explicit HWY_INLINE Logistic(V x) {
    const V power = exponential(D(), hn::Min(hn::Neg(x), constant(kLargestExponent)));
    value = hn::Div(constant(1.0F), hn::Add(constant(1.0F), power));
    complement = hn::Mul(power, value);
  }
  V value;
  V complement;
};

// Phi(x) and e^(-x^2 / 2). With z = |x| / sqrt 2 and t = 1 / (1 + 0.4 z), e^(z^2) erfc(z) / 2 is t times a polynomial
// in t, fitted here to 2e-8 of its value, so that the tail keeps its relative precision.
struct Normal {
  explicit HWY_INLINE Normal(V x) {
    constexpr float kCoefficients[] = {0.11283791810274124F,   0.11283793300390244F, 0.10380686819553375F,
                                       0.08586964011192322F,   0.05950416252017021F, 0.04195814207196236F,
                                       -0.023447442799806595F, 0.06878049671649933F, -0.1177634447813034F,
                                       0.07022327184677124F,   -0.01460754219442606F};
    const V z = hn::Mul(hn::Abs(x), constant(0.70710678118654752F));
    const V t = hn::Div(constant(1.0F), hn::MulAdd(z, constant(0.4F), constant(1.0F)));
    V scaled = constant(kCoefficients[10]);
    for (int i = 9; i >= 0; --i) scaled = hn::MulAdd(scaled, t, constant(kCoefficients[i]));
    power = exponential(D(), hn::Neg(hn::Mul(z, z)));
    const V tail = hn::Mul(hn::Mul(scaled, t), power);
    distribution = hn::IfThenElse(hn::Lt(x, hn::Zero(D())), tail, hn::Sub(constant(1.0F), tail));
  }
  V distribution;
  V power;
};

struct Gelu {
  static HWY_INLINE V forward(V x) { return hn::Mul(x, Normal(x).distribution); }
  static HWY_INLINE V derivative(V x) {
    constexpr float kDensityAtZero = 0.39894228040143268F;  // 1 / sqrt(2 pi)
    const Normal normal(x);
    return hn::MulAdd(hn::Mul(x, constant(kDensityAtZero)), normal.power, normal.distribution);
  }
};

struct GeluTanh {
  static constexpr float kTwice = 1.5957691216057308F;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.044715F;
  static HWY_INLINE V twice_u(V x) {
    return hn::Mul(hn::Mul(constant(kTwice), x), hn::MulAdd(hn::Mul(x, x), constant(kCubic), constant(1.0F)));
  }
  static HWY_INLINE V forward(V x) { return hn::Mul(x, Logistic(twice_u(x)).value); }
  static HWY_INLINE V derivative(V x) {
    // Beyond 20 the derivative is 0 or 1; x^3 would overflow far out.
    const V near = hn::Clamp(x, constant(-20.0F), constant(20.0F));
    const Logistic logistic(twice_u(near));
    const V slope = hn::Mul(constant(kTwice), hn::MulAdd(hn::Mul(near, near), constant(3.0F * kCubic), constant(1.0F)));
    return hn::Mul(logistic.value, hn::MulAdd(hn::Mul(near, logistic.complement), slope, constant(1.0F)));
  }
};

struct Silu {
  static HWY_INLINE V forward(V x) { return hn::Mul(x, Logistic(x).value); }
  static HWY_INLINE V derivative(V x) {
    const Logistic logistic(x);
    const V near = hn::Clamp(x, constant(-88.0F), constant(88.0F));
    return hn::Mul(logistic.value, hn::MulAdd(near, logistic.complement, constant(1.0F)));
  }
};

struct Softplus {
  static HWY_INLINE V forward(V x) {
    const V power = exponential(D(), hn::Neg(hn::Abs(x)));
    return hn::Add(hn::Max(x, hn::Zero(D())), log_of_one_plus(D(), power));
  }
  static HWY_INLINE V derivative(V x) { return Logistic(x).value; }
};

// Calls body(vector of x, index, lanes in use) for all of x and stores what it gives at `out`.
template <class Body>
HWY_INLINE void transform(int64_t n, const float* x, float* out, Body body) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V value = hn::LoadU(d, x + i);
    hn::StoreU(hn::IfThenElse(hn::IsNaN(value), value, body(value, i, lanes)), d, out + i);
  }
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    const V value = load_first(d, x + i, rest);
    store_first(hn::IfThenElse(hn::IsNaN(value), value, body(value, i, n - i)), d, out + i, rest);
  }
}

template <class Function>
void forward_all(int64_t n, const float* x, float* y) {
  transform(n, x, y, [](V value, int64_t, int64_t) HWY_ATTR { return Function::forward(value); });
}

template <class Function>
void backward_all(int64_t n, const float* x, const float* dy, float* dx) {
  transform(n, x, dx, [dy](V value, int64_t i, int64_t count) HWY_ATTR {
    const bool whole = count == static_cast<int64_t>(hn::Lanes(D()));
    const V gradient = whole ? hn::LoadU(D(), dy + i) : load_first(D(), dy + i, static_cast<size_t>(count));
    return hn::Mul(gradient, Function::derivative(value));
  });
}

void InputActivationForward(InputActivation activation, int64_t n, const float* x, float* y) {
  switch (activation) {
    case InputActivation::kGelu: forward_all<Gelu>(n, x, y); break;
    case InputActivation::kGeluTanh: forward_all<GeluTanh>(n, x, y); break;
    case InputActivation::kSilu: forward_all<Silu>(n, x, y); break;
    case InputActivation::kSoftplus: forward_all<Softplus>(n, x, y); break;
  }
}

void InputActivationBackward(InputActivation activation, int64_t n, const float* x, const float* dy, float* dx) {
  switch (activation) {
    case InputActivation::kGelu: backward_all<Gelu>(n, x, dy, dx); break;
    case InputActivation::kGeluTanh: backward_all<GeluTanh>(n, x, dy, dx); break;
    case InputActivation::kSilu: backward_all<Silu>(n, x, dy, dx); break;
    case InputActivation::kSoftplus: backward_all<Softplus>(n, x, dy, dx); break;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(InputActivationForward);
HWY_EXPORT(InputActivationBackward);

void input_activation(InputActivation activation, int64_t n, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(InputActivationForward)(activation, n, x, y);
}

void input_activation_backward(InputActivation activation, int64_t n, const float* x, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(InputActivationBackward)(activation, n, x, dy, dx);
}

}  // namespace gradloom
#endif  // HWY_ONCE
