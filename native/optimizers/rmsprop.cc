#include "optimizers/rmsprop.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/rmsprop.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

template <bool kCentered, bool kMomentum>
struct RmspropStep {
  static constexpr size_t kBuffer = kCentered ? 2 : 1;
  V rate, smoothing, fresh, epsilon, momentum, decay, sign;

  RmspropStep(const RmspropRule& rule, const UpdateArguments& args)
      : rate(broadcast(args.learning_rate)),
        smoothing(broadcast(rule.smoothing)),
        fresh(broadcast(1 - rule.smoothing)),
        epsilon(broadcast(rule.epsilon)),
        momentum(broadcast(rule.momentum)),
        decay(broadcast(args.weight_decay)),
        sign(sign_of(rule.maximize)) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    const V g = hn::Add(hn::Xor(gradient, sign), hn::Mul(decay, w));
    s[0] = hn::Add(hn::Mul(smoothing, s[0]), hn::Mul(fresh, hn::Mul(g, g)));
    V variance = s[0];
    if constexpr (kCentered) {
      s[1] = hn::Add(hn::Mul(smoothing, s[1]), hn::Mul(fresh, g));
      variance = hn::Sub(variance, hn::Mul(s[1], s[1]));
      // Not Max, which would turn NaN into 0 on some processors.
      variance = hn::IfThenElse(hn::Lt(variance, hn::Zero(D())), hn::Zero(D()), variance);
    }
    V step = hn::Div(g, hn::Add(hn::Sqrt(variance), epsilon));
    if constexpr (kMomentum) {
      s[kBuffer] = hn::Add(hn::Mul(momentum, s[kBuffer]), step);
      step = s[kBuffer];
    }
    w = hn::Sub(w, hn::Mul(rate, step));
  }
};

template <bool kCentered, bool kMomentum>
GradientCheck rmsprop_update(const RmspropRule& rule, const UpdateArguments& args) {
  return update_elements<1 + kCentered + kMomentum>(RmspropStep<kCentered, kMomentum>(rule, args), args);
}

GradientCheck RmspropUpdate(const RmspropRule& rule, const UpdateArguments& args) {
  if (rule.centered) {
    return rule.momentum == 0 ? rmsprop_update<true, false>(rule, args) : rmsprop_update<true, true>(rule, args);
  }
  return rule.momentum == 0 ? rmsprop_update<false, false>(rule, args) : rmsprop_update<false, true>(rule, args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(RmspropUpdate);

Rmsprop::Rmsprop(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.smoothing = spec.number("smoothing"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .momentum = static_cast<float>(spec.number("momentum")),
            .centered = spec.boolean("centered"),
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> Rmsprop::states(const Shape& parameter) const {
  std::vector<StateSpec> states = {{"squareAverage", 0.0F, parameter}};
  if (rule_.centered) states.push_back({"gradientAverage", 0.0F, parameter});
  if (rule_.momentum != 0) states.push_back({"momentum", 0.0F, parameter});
  return states;
}

GradientCheck Rmsprop::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(RmspropUpdate)(rule_, args);
}

void Rmsprop::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(args.learning_rate);
  for (int64_t i = 0; i < args.count; ++i) {
    const float mean = rule_.centered ? args.states[1][i] : 0;
    rates[i] = rate / (std::sqrt(std::max(args.states[0][i] - mean * mean, 0.0F)) + rule_.epsilon);
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
