#include "optimizers/adagrad_dual_averaging.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adagrad_dual_averaging.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

struct AdagradDualAveragingStep {
  V rate, l1, l2, sign;

  AdagradDualAveragingStep(const AdagradDualAveragingRule& rule, const UpdateArguments& args)
      : rate(broadcast(args.learning_rate)),
        l1(broadcast(static_cast<double>(rule.l1) * static_cast<double>(args.step))),
        l2(broadcast(static_cast<double>(rule.l2) * static_cast<double>(args.step) * args.learning_rate)),
        sign(sign_of(rule.maximize)) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    const V g = hn::Xor(gradient, sign);
    s[0] = hn::Add(s[0], g);
    s[1] = hn::Add(s[1], hn::Mul(g, g));
    const V beyond = hn::Sub(hn::Abs(s[0]), l1);
    // Written so that NaN stays NaN.
    const V kept = hn::IfThenElse(hn::Lt(beyond, hn::Zero(D())), hn::Zero(D()), beyond);
    const V size = hn::Div(hn::Mul(rate, kept), hn::Add(hn::Sqrt(s[1]), l2));
    w = hn::CopySign(size, hn::Neg(s[0]));
    // No -0 where the weight is 0.
    w = hn::IfThenElse(hn::Eq(size, hn::Zero(D())), hn::Zero(D()), w);
  }
};

GradientCheck AdagradDualAveragingUpdate(const AdagradDualAveragingRule& rule, const UpdateArguments& args) {
  return update_elements<2>(AdagradDualAveragingStep(rule, args), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AdagradDualAveragingUpdate);

AdagradDualAveraging::AdagradDualAveraging(const Spec& spec)
    : Optimizer(spec),
      rule_{.initial_accumulator = spec.number("initialAccumulator"),
            .l1 = static_cast<float>(spec.number("l1")),
            .l2 = static_cast<float>(spec.number("l2")),
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> AdagradDualAveraging::states(const Shape& parameter) const {
  return {{"gradientSum", 0.0F, parameter}, {"accumulator", static_cast<float>(rule_.initial_accumulator), parameter}};
}

GradientCheck AdagradDualAveraging::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(AdagradDualAveragingUpdate)(rule_, args);
}

// A step without a gradient leaves the states alone.
void AdagradDualAveraging::settle(const UpdateArguments& args) const {
  static constexpr std::array<float, 256> kNoGradient{};
  for (int64_t i = 0; args.step > 0 && i < args.count; i += std::ssize(kNoGradient)) {
    UpdateArguments part = args;
    const std::array<float*, 2> states = {args.states[0] + i, args.states[1] + i};
    part.count = std::min(std::ssize(kNoGradient), args.count - i);
    part.weight = args.weight + i;
    part.gradient = kNoGradient.data();
    part.states = states.data();
    update(part);
  }
}

void AdagradDualAveraging::effective_rates(const UpdateArguments& args, float* rates) const {
  const double l2 = static_cast<double>(rule_.l2) * static_cast<double>(args.step) * args.learning_rate;
  for (int64_t i = 0; i < args.count; ++i) {
    rates[i] = static_cast<float>(args.learning_rate / (std::sqrt(static_cast<double>(args.states[1][i])) + l2));
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
