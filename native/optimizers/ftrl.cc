#include "optimizers/ftrl.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/ftrl.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"
#include "optimizers/table_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

struct FtrlStep {
  V rate, beta, l1, l2, sign;

  template <class Arguments>
  FtrlStep(const FtrlRule& rule, const Arguments& args)
      : rate(broadcast(args.learning_rate)),
        beta(broadcast(rule.beta)),
        l1(broadcast(rule.l1)),
        l2(broadcast(rule.l2)),
        sign(sign_of(rule.maximize)) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    const V zero = hn::Zero(D());
    const V g = hn::Xor(gradient, sign);
    const V n = hn::Add(s[1], hn::Mul(g, g));
    const V root = hn::Sqrt(n);
    const V sigma = hn::Div(hn::Sub(root, hn::Sqrt(s[1])), rate);
    s[0] = hn::Sub(hn::Add(s[0], g), hn::Mul(sigma, w));
    s[1] = n;
    const V beyond = hn::Sub(hn::Abs(s[0]), l1);
    const V size = hn::Div(beyond, hn::Add(hn::Div(hn::Add(beta, root), rate), l2));
    // Written so that NaN stays NaN.
    const V moved = hn::IfThenElse(hn::Le(beyond, zero), zero, hn::CopySign(size, hn::Neg(s[0])));
    w = hn::IfThenElse(hn::Eq(n, zero), w, moved);
  }
};

GradientCheck FtrlUpdate(const FtrlRule& rule, const UpdateArguments& args) {
  return update_elements<2>(FtrlStep(rule, args), args);
}

GradientCheck FtrlUpdateRows(const FtrlRule& rule, const RowUpdateArguments& args) {
  return update_rows_of_elements<2>(FtrlStep(rule, args), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(FtrlUpdate);
HWY_EXPORT(FtrlUpdateRows);

Ftrl::Ftrl(const Spec& spec)
    : Optimizer(spec),
      rule_{.initial_accumulator = spec.number("initialAccumulator"),
            .beta = static_cast<float>(spec.number("beta")),
            .l1 = static_cast<float>(spec.number("l1")),
            .l2 = static_cast<float>(spec.number("l2")),
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> Ftrl::states(const Shape& parameter) const {
  return {{"linear", 0.0F, parameter}, {"accumulator", static_cast<float>(rule_.initial_accumulator), parameter}};
}

std::string Ftrl::objection_to_rows(float /*decay*/) const { return ""; }

GradientCheck Ftrl::update(const UpdateArguments& args) const { return HWY_DYNAMIC_DISPATCH(FtrlUpdate)(rule_, args); }

GradientCheck Ftrl::update_rows(const RowUpdateArguments& args) const {
  if (args.hogwild()) return Optimizer::update_rows(args);
  return HWY_DYNAMIC_DISPATCH(FtrlUpdateRows)(rule_, args);
}

void Ftrl::effective_rates(const UpdateArguments& args, float* rates) const {
  for (int64_t i = 0; i < args.count; ++i) {
    const double root = std::sqrt(static_cast<double>(args.states[1][i]));
    rates[i] = static_cast<float>(1 / ((rule_.beta + root) / args.learning_rate + rule_.l2));
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
