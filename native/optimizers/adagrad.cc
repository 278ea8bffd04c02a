#include "optimizers/adagrad.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adagrad.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

template <bool kDecay, bool kInside>
struct AdagradStep {
  V rate, epsilon, sign, coupled, shrink;

  AdagradStep(const AdagradRule& rule, double step_rate, float decay)
      : rate(spread(step_rate)),
        epsilon(spread(rule.epsilon)),
        sign(sign_of(rule.maximize)),
        coupled(spread(rule.decoupled ? 0 : decay)),
        // Not a factor 1 - rate decay: its rounding would add up over the steps.
        shrink(spread(rule.decoupled ? static_cast<float>(step_rate) * decay : 0)) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    V g = hn::Xor(gradient, sign);
    if constexpr (kDecay) {
      g = hn::Add(g, hn::Mul(coupled, w));
      w = hn::Sub(w, hn::Mul(shrink, w));
    }
    s[0] = hn::Add(s[0], hn::Mul(g, g));
    const V root = kInside ? hn::Sqrt(hn::Add(s[0], epsilon)) : hn::Add(hn::Sqrt(s[0]), epsilon);
    w = hn::Sub(w, hn::Div(hn::Mul(rate, g), root));
  }
};

GradientCheck AdagradUpdate(const AdagradRule& rule, double rate, const UpdateArguments& args) {
  const float decay = args.weight_decay;
  if (rule.epsilon_inside) {
    return decay == 0 ? update_elements<1>(AdagradStep<false, true>(rule, rate, decay), args)
                      : update_elements<1>(AdagradStep<true, true>(rule, rate, decay), args);
  }
  return decay == 0 ? update_elements<1>(AdagradStep<false, false>(rule, rate, decay), args)
                    : update_elements<1>(AdagradStep<true, false>(rule, rate, decay), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AdagradUpdate);

Adagrad::Adagrad(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.learning_rate_decay = spec.number("learningRateDecay"),
            .initial_accumulator = spec.number("initialAccumulator"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .decoupled = spec.string("weightDecayMode") == "decoupled",
            .epsilon_inside = spec.string("epsilonPlacement") == "inside",
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> Adagrad::states(const Shape& parameter) const {
  return {{"accumulator", static_cast<float>(rule_.initial_accumulator), parameter}};
}

double Adagrad::rate_of(const UpdateArguments& args) const {
  return args.learning_rate / (1 + static_cast<double>(args.step - 1) * rule_.learning_rate_decay);
}

std::string Adagrad::objection_to_rows(float decay) const {
  return decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck Adagrad::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(AdagradUpdate)(rule_, rate_of(args), args);
}

void Adagrad::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(rate_of(args));
  for (int64_t i = 0; i < args.count; ++i) {
    const float s = args.states[0][i];
    rates[i] = rate / (rule_.epsilon_inside ? std::sqrt(s + rule_.epsilon) : std::sqrt(s) + rule_.epsilon);
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
