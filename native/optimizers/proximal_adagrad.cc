#include "optimizers/proximal_adagrad.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/proximal_adagrad.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

struct ProximalAdagradStep {
  V rate, epsilon, l1, l2, sign;

  ProximalAdagradStep(const ProximalAdagradRule& rule, const UpdateArguments& args)
      : rate(spread(args.learning_rate)),
        epsilon(spread(rule.epsilon)),
        l1(spread(rule.l1)),
        l2(spread(rule.l2)),
        sign(sign_of(rule.maximize)) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    const V g = hn::Xor(gradient, sign);
    s[0] = hn::Add(s[0], hn::Mul(g, g));
    const V own_rate = hn::Div(rate, hn::Add(hn::Sqrt(s[0]), epsilon));
    const V v = hn::Sub(w, hn::Mul(own_rate, g));
    const V shrunk = hn::Sub(hn::Abs(v), hn::Mul(own_rate, l1));
    // Written so that NaN stays NaN.
    const V kept = hn::IfThenElse(hn::Lt(shrunk, hn::Zero(D())), hn::Zero(D()), shrunk);
    const V moved = hn::Div(hn::CopySign(kept, v), hn::Add(hn::Set(D(), 1.0F), hn::Mul(own_rate, l2)));
    w = hn::IfThenElse(hn::Eq(s[0], hn::Zero(D())), w, moved);
  }
};

GradientCheck ProximalAdagradUpdate(const ProximalAdagradRule& rule, const UpdateArguments& args) {
  return update_elements<1>(ProximalAdagradStep(rule, args), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(ProximalAdagradUpdate);

ProximalAdagrad::ProximalAdagrad(const Spec& spec)
    : Optimizer(spec),
      rule_{.initial_accumulator = spec.number("initialAccumulator"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .l1 = static_cast<float>(spec.number("l1")),
            .l2 = static_cast<float>(spec.number("l2")),
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> ProximalAdagrad::states(const Shape& parameter) const {
  return {{"accumulator", static_cast<float>(rule_.initial_accumulator), parameter}};
}

std::string ProximalAdagrad::objection_to_rows(float /*decay*/) const {
  return rule_.l1 == 0 && rule_.l2 == 0 ? "" : "l1 and l2 pull at all of them in every step; leave them out";
}

GradientCheck ProximalAdagrad::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(ProximalAdagradUpdate)(rule_, args);
}

void ProximalAdagrad::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(args.learning_rate);
  for (int64_t i = 0; i < args.count; ++i) rates[i] = rate / (std::sqrt(args.states[0][i]) + rule_.epsilon);
}

}  // namespace gradloom
#endif  // HWY_ONCE
