// One axis of each of Winograd's transforms (kernels/winograd/transforms.h), and both. Included once for every target.
#if defined(GRADLOOM_WINOGRAD_AXES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_WINOGRAD_AXES_INL_H_
#undef GRADLOOM_WINOGRAD_AXES_INL_H_
#else
#define GRADLOOM_WINOGRAD_AXES_INL_H_
#endif

#include "common/highway-inl.h"
#include "kernels/layout/lanes.h"
#include "kernels/winograd/transforms.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

constexpr int kMostPoints = static_cast<int>(kWinogradPoints);  // and inputs of a tile along one axis
constexpr int kMostTile = 4;

// The points +-a and +-b, and what the rows of A, B and G are made of. Row p of B holds the coefficients of the product
// of x - q over the other points q, row p of G is (1, p, p^2, ..) over its value at p.
constexpr float kA = 0.625F;
constexpr float kB = 1.5F;
constexpr float kA2 = kA * kA;
constexpr float kB2 = kB * kB;
constexpr float kA3 = kA2 * kA;
constexpr float kB3 = kB2 * kB;
constexpr float kProduct = kA2 * kB2;
constexpr float kSum = kA2 + kB2;
constexpr double kScaleA = 1 / (2.0 * kA2 * (kA2 - kB2));
constexpr double kScaleB = 1 / (2.0 * kB2 * (kB2 - kA2));
constexpr auto kG0 = static_cast<float>(1.0 / kProduct);
constexpr auto kGA0 = static_cast<float>(kScaleA);
constexpr auto kGA1 = static_cast<float>(kScaleA * kA);
constexpr auto kGA2 = static_cast<float>(kScaleA * kA2);
constexpr auto kGB0 = static_cast<float>(kScaleB);
constexpr auto kGB1 = static_cast<float>(kScaleB * kB);
constexpr auto kGB2 = static_cast<float>(kScaleB * kB2);
constexpr auto kGA3 = static_cast<float>(kScaleA * kA3);
constexpr auto kGB3 = static_cast<float>(kScaleB * kB3);
constexpr auto kGA4 = static_cast<float>(kScaleA * kA2 * kA2);
constexpr auto kGB4 = static_cast<float>(kScaleB * kB2 * kB2);

// factor * x + addend
HWY_INLINE V add_scaled(float factor, V x, V addend) { return hn::MulAdd(hn::Set(D(), factor), x, addend); }
HWY_INLINE V scaled(float factor, V x) { return hn::Mul(hn::Set(D(), factor), x); }

// One axis of each transform, for tiles of kOut outputs and windows of kTaps. out may not be in.

// Of an axis that has none.
struct Unchanged {
  static constexpr WinogradAxis kAxis = WinogradAxis::kNone;
  static constexpr int kFrom = 1;
  static constexpr int kTo = 1;
  static constexpr int kTile = 1;
  static HWY_INLINE void apply(const V (&x)[1], V (&out)[1]) { out[0] = x[0]; }
};

template <WinogradAxis kOfAxis>
struct TransformInput {  // B^T, the same for all axes with as many points
  static constexpr WinogradAxis kAxis = kOfAxis;
  static constexpr int kFrom = points_of(kAxis);
  static constexpr int kTo = kFrom;
  static constexpr int kTile = tile_of(kAxis);
  static HWY_INLINE void apply(const V (&x)[kFrom], V (&out)[kTo]) {
    if constexpr (kFrom == 6) {
      const V even_a = add_scaled(-kB2, x[2], x[4]);
      const V odd_a = add_scaled(-kB2, x[1], x[3]);
      const V even_b = add_scaled(-kA2, x[2], x[4]);
      const V odd_b = add_scaled(-kA2, x[1], x[3]);
      out[0] = add_scaled(kProduct, x[0], add_scaled(-kSum, x[2], x[4]));
      out[1] = add_scaled(kA, odd_a, even_a);
      out[2] = add_scaled(-kA, odd_a, even_a);
      out[3] = add_scaled(kB, odd_b, even_b);
      out[4] = add_scaled(-kB, odd_b, even_b);
      out[5] = add_scaled(kProduct, x[1], add_scaled(-kSum, x[3], x[5]));
    } else if constexpr (kFrom == 5) {  // b, a + b, b - a, 2b times those without -b
      const V odd_b = add_scaled(-kA2, x[1], x[3]);
      out[0] = add_scaled(kB, odd_b, add_scaled(kProduct, x[0], scaled(-kB2, x[2])));
      out[1] = add_scaled(kA + kB, add_scaled(-kA * kB, x[1], x[3]), scaled(kA2 - kB2, x[2]));
      out[2] = add_scaled(kB - kA, add_scaled(kA * kB, x[1], x[3]), scaled(kA2 - kB2, x[2]));
      out[3] = scaled(2 * kB, odd_b);
      out[4] = add_scaled(-kB, odd_b, add_scaled(-kA2, x[2], x[4]));
    } else if constexpr (kFrom == 4) {  // -b^2, a^2 - b^2 and again times those without +-b
      const V even = scaled(kA2 - kB2, x[2]);
      out[0] = add_scaled(kProduct, x[0], scaled(-kB2, x[2]));
      out[1] = add_scaled((kA2 - kB2) * kA, x[1], even);
      out[2] = add_scaled((kB2 - kA2) * kA, x[1], even);
      out[3] = add_scaled(-kA2, x[1], x[3]);
    } else {  // -a b^2, 2a (a^2 - b^2) times those without -a and +-b
      static_assert(kFrom == 3);
      out[0] = add_scaled(kProduct, x[0], scaled(-kA * kB2, x[1]));
      out[1] = scaled(2 * kA * (kA2 - kB2), x[1]);
      out[2] = add_scaled(-kA, x[1], x[2]);
    }
  }
};

template <>
struct TransformInput<WinogradAxis::kNone> : Unchanged {};

template <WinogradAxis kAxis>
struct TransformOutput {  // A^T
  static constexpr int kOut = tile_of(kAxis);
  static constexpr int kFrom = points_of(kAxis);
  static constexpr int kTo = kOut;
  static HWY_INLINE void apply(const V (&m)[kFrom], V (&out)[kOut]) {
    const V even_a = hn::Add(m[1], m[2]);
    if constexpr (kFrom == 6) {
      const V odd_a = hn::Sub(m[1], m[2]);
      const V even_b = hn::Add(m[3], m[4]);
      const V odd_b = hn::Sub(m[3], m[4]);
      out[0] = hn::Add(m[0], hn::Add(even_a, even_b));
      if constexpr (kOut == 2) {
        out[1] = add_scaled(kA, odd_a, add_scaled(kB, odd_b, m[5]));
      } else {
        out[1] = add_scaled(kA, odd_a, scaled(kB, odd_b));
        out[2] = add_scaled(kA2, even_a, scaled(kB2, even_b));
        out[3] = add_scaled(kA3, odd_a, add_scaled(kB3, odd_b, m[5]));
      }
    } else if constexpr (kFrom == 5) {
      out[0] = hn::Add(m[0], hn::Add(even_a, m[3]));
      out[1] = add_scaled(kA, hn::Sub(m[1], m[2]), scaled(kB, m[3]));
      out[2] = add_scaled(kA2, even_a, add_scaled(kB2, m[3], m[4]));
    } else {
      out[0] = hn::Add(m[0], even_a);
      if constexpr (kFrom == 4) out[1] = add_scaled(kA, hn::Sub(m[1], m[2]), m[3]);
    }
  }
};

template <>
struct TransformOutput<WinogradAxis::kNone> : Unchanged {};

template <WinogradAxis kOfAxis>
struct TransformOutputGradient {  // A
  static constexpr WinogradAxis kAxis = kOfAxis;
  static constexpr int kOut = tile_of(kAxis);
  static constexpr int kFrom = kOut;
  static constexpr int kTo = points_of(kAxis);
  static constexpr int kTile = kOut;
  static HWY_INLINE void apply(const V (&y)[kOut], V (&out)[kTo]) {
    out[0] = y[0];
    if constexpr (kOut == 1) {
      out[1] = y[0];
    } else if constexpr (kOut == 2) {
      out[1] = add_scaled(kA, y[1], y[0]);
      out[2] = add_scaled(-kA, y[1], y[0]);
      if constexpr (kTo == 6) {
        out[3] = add_scaled(kB, y[1], y[0]);
        out[4] = add_scaled(-kB, y[1], y[0]);
      }
    } else if constexpr (kOut == 3) {
      const V even_a = add_scaled(kA2, y[2], y[0]);
      out[1] = add_scaled(kA, y[1], even_a);
      out[2] = add_scaled(-kA, y[1], even_a);
      out[3] = add_scaled(kB, y[1], add_scaled(kB2, y[2], y[0]));
    } else {
      const V even_a = add_scaled(kA2, y[2], y[0]);
      const V odd_a = add_scaled(kA3, y[3], scaled(kA, y[1]));
      const V even_b = add_scaled(kB2, y[2], y[0]);
      const V odd_b = add_scaled(kB3, y[3], scaled(kB, y[1]));
      out[1] = hn::Add(even_a, odd_a);
      out[2] = hn::Sub(even_a, odd_a);
      out[3] = hn::Add(even_b, odd_b);
      out[4] = hn::Sub(even_b, odd_b);
    }
    out[kTo - 1] = y[kOut - 1];
  }
};

template <>
struct TransformOutputGradient<WinogradAxis::kNone> : Unchanged {};

template <WinogradAxis kAxis>
struct TransformFilter {  // G
  static constexpr int kTaps = window_of(kAxis);
  static constexpr int kFrom = kTaps;
  static constexpr int kTo = kMostPoints;
  static HWY_INLINE void apply(const V (&w)[kTaps], V (&out)[kMostPoints]) {
    V even_a = add_scaled(kGA2, w[2], scaled(kGA0, w[0]));
    V even_b = add_scaled(kGB2, w[2], scaled(kGB0, w[0]));
    out[0] = scaled(kG0, w[0]);
    if constexpr (kTaps == 5) {
      even_a = add_scaled(kGA4, w[4], even_a);
      even_b = add_scaled(kGB4, w[4], even_b);
      const V odd_a = add_scaled(kGA3, w[3], scaled(kGA1, w[1]));
      const V odd_b = add_scaled(kGB3, w[3], scaled(kGB1, w[1]));
      out[1] = hn::Add(even_a, odd_a);
      out[2] = hn::Sub(even_a, odd_a);
      out[3] = hn::Add(even_b, odd_b);
      out[4] = hn::Sub(even_b, odd_b);
    } else {
      out[1] = add_scaled(kGA1, w[1], even_a);
      out[2] = add_scaled(-kGA1, w[1], even_a);
      out[3] = add_scaled(kGB1, w[1], even_b);
      out[4] = add_scaled(-kGB1, w[1], even_b);
    }
    out[5] = w[kTaps - 1];
  }
};

template <>
struct TransformFilter<WinogradAxis::kNone> : Unchanged {};

template <WinogradAxis kAxis>
struct TransformFilterGradient {  // G^T
  static constexpr int kTaps = window_of(kAxis);
  static constexpr int kFrom = kMostPoints;
  static constexpr int kTo = kTaps;
  static HWY_INLINE void apply(const V (&u)[kMostPoints], V (&out)[kTaps]) {
    const V even_a = hn::Add(u[1], u[2]);
    const V odd_a = hn::Sub(u[1], u[2]);
    const V even_b = hn::Add(u[3], u[4]);
    const V odd_b = hn::Sub(u[3], u[4]);
    out[0] = add_scaled(kG0, u[0], add_scaled(kGA0, even_a, scaled(kGB0, even_b)));
    out[1] = add_scaled(kGA1, odd_a, scaled(kGB1, odd_b));
    if constexpr (kTaps == 5) {
      out[2] = add_scaled(kGA2, even_a, scaled(kGB2, even_b));
      out[3] = add_scaled(kGA3, odd_a, scaled(kGB3, odd_b));
      out[4] = add_scaled(kGA4, even_a, add_scaled(kGB4, even_b, u[5]));
    } else {
      out[2] = add_scaled(kGA2, even_a, add_scaled(kGB2, even_b, u[5]));
    }
  }
};

template <>
struct TransformFilterGradient<WinogradAxis::kNone> : Unchanged {};

// Calls call<kAxis>().
template <class Call>
HWY_INLINE decltype(auto) with_axis(WinogradAxis axis, Call call) {
  using enum WinogradAxis;
  switch (axis) {
    case kF43: return call.template operator()<kF43>();
    case kF33: return call.template operator()<kF33>();
    case kF23: return call.template operator()<kF23>();
    case kF13: return call.template operator()<kF13>();
    case kF25: return call.template operator()<kF25>();
    case kNone: break;
  }
  return call.template operator()<kNone>();
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
