#include "optimizers/adadelta.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adadelta.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

struct AdadeltaStep {
  V rate, smoothing, fresh, epsilon, decay, sign;

  AdadeltaStep(const AdadeltaRule& rule, const UpdateArguments& args)
      : rate(broadcast(args.learning_rate)),
        smoothing(broadcast(rule.smoothing)),
        fresh(broadcast(1 - rule.smoothing)),
        epsilon(broadcast(rule.epsilon)),
        decay(broadcast(args.weight_decay)),
        sign(sign_of(rule.maximize)) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    const V g = hn::Add(hn::Xor(gradient, sign), hn::Mul(decay, w));
    s[0] = hn::Add(hn::Mul(smoothing, s[0]), hn::Mul(fresh, hn::Mul(g, g)));
    const V ratio = hn::Div(hn::Sqrt(hn::Add(s[1], epsilon)), hn::Sqrt(hn::Add(s[0], epsilon)));
    const V step = hn::Mul(ratio, g);
    s[1] = hn::Add(hn::Mul(smoothing, s[1]), hn::Mul(fresh, hn::Mul(step, step)));
    w = hn::Sub(w, hn::Mul(rate, step));
  }
};

GradientCheck AdadeltaUpdate(const AdadeltaRule& rule, const UpdateArguments& args) {
  return update_elements<2>(AdadeltaStep(rule, args), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AdadeltaUpdate);

Adadelta::Adadelta(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.smoothing = spec.number("smoothing"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> Adadelta::states(const Shape& parameter) const {
  return {{"squareAverage", 0.0F, parameter}, {"updateAverage", 0.0F, parameter}};
}

GradientCheck Adadelta::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(AdadeltaUpdate)(rule_, args);
}

void Adadelta::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(args.learning_rate);
  for (int64_t i = 0; i < args.count; ++i) {
    rates[i] = rate * std::sqrt(args.states[1][i] + rule_.epsilon) / std::sqrt(args.states[0][i] + rule_.epsilon);
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
