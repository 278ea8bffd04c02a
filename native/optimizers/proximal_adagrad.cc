#include "optimizers/proximal_adagrad.h"

#include <algorithm>
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
      : rate(broadcast(args.learning_rate)),
        epsilon(broadcast(rule.epsilon)),
        l1(broadcast(rule.l1)),
        l2(broadcast(rule.l2)),
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

namespace {

// Float32 counts so far. Rows are adopted long before as many steps have gone by (kStepsToAdopt).
constexpr uint64_t kClock = uint64_t{1} << 24;

// A weight behind `steps` steps without a gradient.
float shrink(const ProximalAdagradRule& rule, float weight, double rate, double steps) {
  const double size = std::abs(static_cast<double>(weight));
  const double l1 = rule.l1;
  const double l2 = rule.l2;
  const double decay = -steps * std::log1p(rate * l2);
  const double shrunk = l2 == 0 ? size - steps * rate * l1 : size * std::exp(decay) + l1 / l2 * std::expm1(decay);
  // Written so that NaN stays NaN.
  return static_cast<float>(std::copysign(shrunk < 0 ? 0 : shrunk, weight));
}

}  // namespace

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

std::vector<StateSpec> ProximalAdagrad::table_states(const Shape& table) const {
  std::vector<StateSpec> all = states(table);
  if (moves_untouched()) {
    all.push_back({"lastWeight", 0.0F, table});
    all.push_back({"lastStep", 0.0F, table});
  }
  return all;
}

GradientCheck ProximalAdagrad::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(ProximalAdagradUpdate)(rule_, args);
}

void ProximalAdagrad::settle(const UpdateArguments& args) const {
  const float* accumulator = args.states[0];
  const float* last_weight = args.states[1];
  const float* last_step = args.states[2];
  for (int64_t i = 0; i < args.count; ++i) {
    const float weight = last_weight[i];
    const uint64_t steps = (args.step - static_cast<uint64_t>(last_step[i])) % kClock;
    // A step that failed left later ones behind.
    const bool moves = steps > 0 && steps <= kStepsToAdopt && weight != 0 && accumulator[i] != 0;
    const double rate = args.learning_rate / (std::sqrt(static_cast<double>(accumulator[i])) + rule_.epsilon);
    args.weight[i] = moves ? shrink(rule_, weight, rate, static_cast<double>(steps)) : weight;
  }
}

void ProximalAdagrad::adopt(const UpdateArguments& args) const {
  if (!moves_untouched()) return;
  std::copy_n(args.weight, args.count, args.states[1]);
  std::fill_n(args.states[2], args.count, static_cast<float>(args.step % kClock));
}

void ProximalAdagrad::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(args.learning_rate);
  for (int64_t i = 0; i < args.count; ++i) rates[i] = rate / (std::sqrt(args.states[0][i]) + rule_.epsilon);
}

}  // namespace gradloom
#endif  // HWY_ONCE
