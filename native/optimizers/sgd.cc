#include "optimizers/sgd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/sgd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

struct Step {
  V rate, momentum, fresh, decay, sign;
  bool nesterov;

  Step(const SgdRule& rule, uint64_t step, double rate_scale)
      : rate(hn::Set(D(), static_cast<float>(rule.learning_rate * rate_scale))),
        // The buffer starts at 0, so with these two factors the first step gives b = g.
        momentum(hn::Set(D(), rule.momentum)),
        fresh(hn::Set(D(), step == 1 ? 1.0F : 1.0F - rule.dampening)),
        decay(hn::Set(D(), rule.weight_decay)),
        sign(hn::Set(D(), rule.maximize ? -0.0F : 0.0F)),
        nesterov(rule.nesterov) {}

  HWY_INLINE V direction(V gradient, V w) const { return hn::Add(hn::Xor(gradient, sign), hn::Mul(decay, w)); }

  HWY_INLINE void apply(V gradient, V& w) const { w = hn::Sub(w, hn::Mul(rate, direction(gradient, w))); }

  HWY_INLINE void apply(V gradient, V& w, V& b) const {
    const V g = direction(gradient, w);
    b = hn::Add(hn::Mul(momentum, b), hn::Mul(fresh, g));
    w = hn::Sub(w, hn::Mul(rate, nesterov ? hn::Add(g, hn::Mul(momentum, b)) : b));
  }
};

GradientCheck SgdUpdate(const SgdRule& rule, const UpdateArguments& args) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const Step step(rule, args.step, args.rate_scale);
  float* HWY_RESTRICT buffer = rule.momentum == 0 ? nullptr : args.states[0];
  auto finite = hn::FirstN(d, static_cast<size_t>(lanes));
  int64_t i = 0;
  for (; i + lanes <= args.count; i += lanes) {
    const V g = hn::LoadU(d, args.gradient + i);
    V w = hn::LoadU(d, args.weight + i);
    if (buffer == nullptr) {
      step.apply(g, w);
    } else {
      V b = hn::LoadU(d, buffer + i);
      step.apply(g, w, b);
      hn::StoreU(b, d, buffer + i);
    }
    finite = hn::And(finite, hn::IsFinite(w));
    hn::StoreU(w, d, args.weight + i);
  }
  if (i < args.count) {
    const auto rest = static_cast<size_t>(args.count - i);
    const V g = hn::LoadN(d, args.gradient + i, rest);
    V w = hn::LoadN(d, args.weight + i, rest);
    if (buffer == nullptr) {
      step.apply(g, w);
    } else {
      V b = hn::LoadN(d, buffer + i, rest);
      step.apply(g, w, b);
      hn::StoreN(b, d, buffer + i, rest);
    }
    finite = hn::And(finite, hn::IsFinite(w));
    hn::StoreN(w, d, args.weight + i, rest);
  }
  return hn::AllTrue(d, finite) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(SgdUpdate);

Sgd::Sgd(const Spec& spec)
    : Optimizer(spec),
      rule_{.learning_rate = static_cast<float>(spec.number("learningRate")),
            .momentum = static_cast<float>(spec.number("momentum")),
            .dampening = static_cast<float>(spec.number("dampening")),
            .weight_decay = static_cast<float>(spec.number("weightDecay")),
            .nesterov = spec.boolean("nesterov"),
            .maximize = spec.string("direction") == "maximize"} {
  if (rule_.momentum != 0) add_state({"momentum", 0.0F});
}

std::string Sgd::objection_to_rows() const {
  if (rule_.momentum != 0) return "momentum moves all of them in every step; leave it out";
  return rule_.weight_decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck Sgd::update(const UpdateArguments& args) const { return HWY_DYNAMIC_DISPATCH(SgdUpdate)(rule_, args); }

}  // namespace gradloom
#endif  // HWY_ONCE
