// The loop of the rules that work element by element. A rule is a struct with its numbers spread over the lanes and
//   void apply(V gradient, V& weight, V* states) const
// which does the same to every lane. Included once for every target.
#if defined(GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_
#undef GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_
#else
#define GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_
#endif

#include <algorithm>
#include <array>

#include "common/highway-inl.h"
#include "optimizers/optimizer.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V spread(double value) { return hn::Set(D(), static_cast<float>(value)); }

// What turns a gradient around when the loss is to be climbed.
HWY_INLINE V sign_of(bool maximize) { return hn::Set(D(), maximize ? -0.0F : 0.0F); }

template <size_t kStates, class Rule>
GradientCheck update_elements(const Rule& rule, const UpdateArguments& args) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  float* HWY_RESTRICT weight = args.weight;
  const float* HWY_RESTRICT gradient = args.gradient;
  std::array<float * HWY_RESTRICT, kStates> states;
  std::copy_n(args.states, kStates, states.begin());
  auto finite = hn::FirstN(d, static_cast<size_t>(lanes));
  V s[kStates == 0 ? 1 : kStates];
  int64_t i = 0;
  for (; i + lanes <= args.count; i += lanes) {
    V w = hn::LoadU(d, weight + i);
    for (size_t k = 0; k < kStates; ++k) s[k] = hn::LoadU(d, states[k] + i);
    rule.apply(hn::LoadU(d, gradient + i), w, s);
    finite = hn::And(finite, hn::IsFinite(w));
    hn::StoreU(w, d, weight + i);
    for (size_t k = 0; k < kStates; ++k) hn::StoreU(s[k], d, states[k] + i);
  }
  if (i < args.count) {
    const auto rest = static_cast<size_t>(args.count - i);
    V w = hn::LoadN(d, weight + i, rest);
    for (size_t k = 0; k < kStates; ++k) s[k] = hn::LoadN(d, states[k] + i, rest);
    rule.apply(hn::LoadN(d, gradient + i, rest), w, s);
    // The lanes beyond the end may hold 0 / 0.
    finite = hn::And(finite, hn::IsFinite(hn::IfThenElseZero(hn::FirstN(d, rest), w)));
    hn::StoreN(w, d, weight + i, rest);
    for (size_t k = 0; k < kStates; ++k) hn::StoreN(s[k], d, states[k] + i, rest);
  }
  return hn::AllTrue(d, finite) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
