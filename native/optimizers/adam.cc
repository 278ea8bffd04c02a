#include "optimizers/adam.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adam.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

template <bool kMaximum>
struct AdamStep {
  V first, fresh_first, second, fresh_second, rate, root_correction, epsilon, coupled, shrink, sign;

  AdamStep(const AdamRule& rule, const UpdateArguments& args)
      : first(broadcast(rule.beta1)),
        fresh_first(broadcast(1 - rule.beta1)),
        second(broadcast(rule.beta2)),
        fresh_second(broadcast(1 - rule.beta2)),
        rate(broadcast(args.learning_rate / (1 - std::pow(rule.beta1, args.step)))),
        root_correction(broadcast(std::sqrt(1 - std::pow(rule.beta2, args.step)))),
        epsilon(broadcast(rule.epsilon)),
        coupled(broadcast(rule.decoupled ? 0 : args.weight_decay)),
        // Not a factor 1 - rate decay: its rounding would add up over the steps.
        shrink(broadcast(rule.decoupled ? args.learning_rate * args.weight_decay : 0)),
        sign(sign_of(rule.maximize)) {}

  HWY_INLINE V divisor(V gradient, V w, V* s) const {
    const V g = hn::Add(hn::Xor(gradient, sign), hn::Mul(coupled, w));
    s[0] = hn::Add(hn::Mul(first, s[0]), hn::Mul(fresh_first, g));
    s[1] = hn::Add(hn::Mul(second, s[1]), hn::Mul(fresh_second, hn::Mul(g, g)));
    V variance = s[1];
    if constexpr (kMaximum) {
      // Not Max, which would lose a NaN on some processors.
      s[2] = hn::IfThenElse(hn::Gt(s[2], variance), s[2], variance);
      variance = s[2];
    }
    return hn::Add(hn::Div(hn::Sqrt(variance), root_correction), epsilon);
  }

  HWY_INLINE void move(V /*gradient*/, V divisor, const V* s, V& w) const {
    w = hn::Sub(w, hn::Mul(shrink, w));
    w = hn::Sub(w, hn::Div(hn::Mul(rate, s[0]), divisor));
  }
};

GradientCheck AdamUpdate(const AdamRule& rule, const UpdateArguments& args) {
  return rule.amsgrad ? update_elements<3>(AdamStep<true>(rule, args), args)
                      : update_elements<2>(AdamStep<false>(rule, args), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AdamUpdate);

Adam::Adam(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.beta1 = spec.number("beta1"),
            .beta2 = spec.number("beta2"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .amsgrad = spec.boolean("amsgrad"),
            .decoupled = spec.string("kind") == "adamW",
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> Adam::states(const Shape& parameter) const {
  std::vector<StateSpec> states = {{"firstMoment", 0.0F, parameter}, {"secondMoment", 0.0F, parameter}};
  if (rule_.amsgrad) states.push_back({"maximumSecondMoment", 0.0F, parameter});
  return states;
}

GradientCheck Adam::update(const UpdateArguments& args) const { return HWY_DYNAMIC_DISPATCH(AdamUpdate)(rule_, args); }

// Of the first moment, the running mean of gradients.
void Adam::effective_rates(const UpdateArguments& args, float* rates) const {
  const float* variance = args.states[rule_.amsgrad ? 2 : 1];
  const double rate = args.learning_rate / (1 - std::pow(rule_.beta1, args.step));
  const double correction = std::sqrt(1 - std::pow(rule_.beta2, args.step));
  for (int64_t i = 0; i < args.count; ++i) {
    rates[i] = static_cast<float>(rate / (std::sqrt(static_cast<double>(variance[i])) / correction + rule_.epsilon));
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
