#include "optimizers/adagrad.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adagrad.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The rule with this step's rate, spread over the lanes.
template <bool kDecay, bool kInside>
struct Step {
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;

  V rate, epsilon, sign, coupled, shrink;

  Step(const AdagradRule& rule, float step_rate)
      : rate(hn::Set(D(), step_rate)),
        epsilon(hn::Set(D(), rule.epsilon)),
        sign(hn::Set(D(), rule.maximize ? -0.0F : 0.0F)),
        coupled(hn::Set(D(), rule.decoupled ? 0.0F : rule.weight_decay)),
        // Not a factor 1 - rate decay: its rounding would add up over the steps.
        shrink(hn::Set(D(), rule.decoupled ? step_rate * rule.weight_decay : 0.0F)) {}

  HWY_INLINE void apply(V gradient, V& w, V& s) const {
    V g = hn::Xor(gradient, sign);
    if constexpr (kDecay) {
      g = hn::Add(g, hn::Mul(coupled, w));
      w = hn::Sub(w, hn::Mul(shrink, w));
    }
    s = hn::Add(s, hn::Mul(g, g));
    const V root = kInside ? hn::Sqrt(hn::Add(s, epsilon)) : hn::Add(hn::Sqrt(s), epsilon);
    w = hn::Sub(w, hn::Div(hn::Mul(rate, g), root));
  }
};

template <bool kDecay, bool kInside>
GradientCheck update(const AdagradRule& rule, float rate, const UpdateArguments& args) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const Step<kDecay, kInside> step(rule, rate);
  float* HWY_RESTRICT weight = args.weight;
  float* HWY_RESTRICT accumulator = args.states[0];
  const float* HWY_RESTRICT gradient = args.gradient;
  auto finite = hn::FirstN(d, static_cast<size_t>(lanes));
  int64_t i = 0;
  for (; i + lanes <= args.count; i += lanes) {
    const auto g = hn::LoadU(d, gradient + i);
    auto w = hn::LoadU(d, weight + i);
    auto s = hn::LoadU(d, accumulator + i);
    step.apply(g, w, s);
    finite = hn::And(finite, hn::IsFinite(w));
    hn::StoreU(w, d, weight + i);
    hn::StoreU(s, d, accumulator + i);
  }
  if (i < args.count) {
    const auto rest = static_cast<size_t>(args.count - i);
    const auto g = hn::LoadN(d, gradient + i, rest);
    auto w = hn::LoadN(d, weight + i, rest);
    auto s = hn::LoadN(d, accumulator + i, rest);
    step.apply(g, w, s);
    // Without epsilon the lanes beyond the end hold 0 / 0.
    finite = hn::And(finite, hn::IsFinite(hn::IfThenElseZero(hn::FirstN(d, rest), w)));
    hn::StoreN(w, d, weight + i, rest);
    hn::StoreN(s, d, accumulator + i, rest);
  }
  return hn::AllTrue(d, finite) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

GradientCheck AdagradUpdate(const AdagradRule& rule, const UpdateArguments& args) {
  const double age = static_cast<double>(args.step - 1);
  const auto rate = static_cast<float>(rule.learning_rate * args.rate_scale / (1 + age * rule.learning_rate_decay));
  if (rule.weight_decay != 0) {
    return rule.epsilon_inside ? update<true, true>(rule, rate, args) : update<true, false>(rule, rate, args);
  }
  return rule.epsilon_inside ? update<false, true>(rule, rate, args) : update<false, false>(rule, rate, args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AdagradUpdate);

Adagrad::Adagrad(const Spec& spec)
    : Optimizer(spec),
      rule_{.learning_rate = spec.number("learningRate"),
            .learning_rate_decay = spec.number("learningRateDecay"),
            .weight_decay = static_cast<float>(spec.number("weightDecay")),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .decoupled = spec.string("weightDecayMode") == "decoupled",
            .epsilon_inside = spec.string("epsilonPlacement") == "inside",
            .maximize = spec.string("direction") == "maximize"} {
  add_state({"accumulator", static_cast<float>(spec.number("initialAccumulator"))});
}

std::string Adagrad::objection_to_rows() const {
  return rule_.weight_decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck Adagrad::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(AdagradUpdate)(rule_, args);
}

}  // namespace gradloom
#endif  // HWY_ONCE
