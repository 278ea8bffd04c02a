#include "optimizers/sgd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/sgd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"
#include "optimizers/table_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

template <bool kMomentum>
struct SgdStep {
  V rate, momentum, fresh, decay, sign;
  bool nesterov;

  template <class Arguments>
  SgdStep(const SgdRule& rule, const Arguments& args)
      : rate(broadcast(args.learning_rate)),
        // The buffer starts at 0, so with these two factors the first step gives b = g.
        momentum(broadcast(rule.momentum)),
        fresh(broadcast(args.step == 1 ? 1.0F : 1.0F - rule.dampening)),
        decay(broadcast(args.weight_decay)),
        sign(sign_of(rule.maximize)),
        nesterov(rule.nesterov) {}

  HWY_INLINE void apply(V gradient, V& w, V* b) const {
    V g = hn::Add(hn::Xor(gradient, sign), hn::Mul(decay, w));
    if constexpr (kMomentum) {
      b[0] = hn::Add(hn::Mul(momentum, b[0]), hn::Mul(fresh, g));
      g = nesterov ? hn::Add(g, hn::Mul(momentum, b[0])) : b[0];
    }
    w = hn::Sub(w, hn::Mul(rate, g));
  }
};

GradientCheck SgdUpdate(const SgdRule& rule, const UpdateArguments& args) {
  return rule.momentum == 0 ? update_elements<0>(SgdStep<false>(rule, args), args)
                            : update_elements<1>(SgdStep<true>(rule, args), args);
}

GradientCheck SgdUpdateRows(const SgdRule& rule, const RowUpdateArguments& args) {
  return update_rows_of_elements<0>(SgdStep<false>(rule, args), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(SgdUpdate);
HWY_EXPORT(SgdUpdateRows);

Sgd::Sgd(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.momentum = static_cast<float>(spec.number("momentum")),
            .dampening = static_cast<float>(spec.number("dampening")),
            .nesterov = spec.boolean("nesterov"),
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> Sgd::states(const Shape& parameter) const {
  if (rule_.momentum == 0) return {};
  return {{"momentum", 0.0F, parameter}};
}

std::string Sgd::objection_to_rows(float decay) const {
  if (rule_.momentum != 0) return "momentum moves all of them in every step; leave it out";
  return decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck Sgd::update(const UpdateArguments& args) const { return HWY_DYNAMIC_DISPATCH(SgdUpdate)(rule_, args); }

GradientCheck Sgd::update_rows(const RowUpdateArguments& args) const {
  if (args.hogwild() || rule_.momentum != 0) return Optimizer::update_rows(args);
  return HWY_DYNAMIC_DISPATCH(SgdUpdateRows)(rule_, args);
}

void Sgd::effective_rates(const UpdateArguments& args, float* rates) const {
  std::fill_n(rates, args.count, static_cast<float>(args.learning_rate));
}

}  // namespace gradloom
#endif  // HWY_ONCE
