#include "optimizers/adagrad.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/adagrad.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/prefetch.h"
#include "common/relaxed.h"
#include "optimizers/elementwise-inl.h"
#include "optimizers/table_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

template <bool kDecay, bool kInside>
struct AdagradStep {
  V rate, epsilon, sign, coupled, shrink;

  AdagradStep(const AdagradRule& rule, double step_rate, float decay)
      : rate(broadcast(step_rate)),
        epsilon(broadcast(rule.epsilon)),
        sign(sign_of(rule.maximize)),
        coupled(broadcast(rule.decoupled ? 0 : decay)),
        // Not a factor 1 - rate decay: its rounding would add up over the steps.
        shrink(broadcast(rule.decoupled ? static_cast<float>(step_rate) * decay : 0)) {}

  HWY_INLINE V divisor(V gradient, V w, V* s) const {
    const V g = signed_and_decayed(gradient, w);
    s[0] = hn::Add(s[0], hn::Mul(g, g));
    return kInside ? hn::Sqrt(hn::Add(s[0], epsilon)) : hn::Add(hn::Sqrt(s[0]), epsilon);
  }

  HWY_INLINE void move(V gradient, V divisor, const V* /*states*/, V& w) const {
    const V g = signed_and_decayed(gradient, w);
    if constexpr (kDecay) w = hn::Sub(w, hn::Mul(shrink, w));
    w = hn::Sub(w, hn::Div(hn::Mul(rate, g), divisor));
  }

 private:
  HWY_INLINE V signed_and_decayed(V gradient, V w) const {
    const V g = hn::Xor(gradient, sign);
    return kDecay ? hn::Add(g, hn::Mul(coupled, w)) : g;
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

// Rows of one float, by the same operations: the same bits. A row's sums are there in order before any root is taken,
// and no root needs a weight, so roots and divisions are made side by side, also where rows come again. Others may be
// at the same rows.
template <bool kInside, class Line>
GradientCheck AdagradScalars(const AdagradRule& rule, double step_rate, const RowUpdateArguments& args, Line line) {
  // The next chunk's lines are on their way: accumulators from the first pass on, weights from the last one, since more
  // at once wait for each other.
  constexpr int64_t kChunk = 32;
  const D d;
  const V rate = broadcast(step_rate);
  const V epsilon = broadcast(rule.epsilon);
  const V sign = sign_of(rule.maximize);
  float* accumulator = args.states[0];
  HWY_ALIGN float steps[kChunk + HWY_MAX_BYTES / sizeof(float)];
  bool finite = true;
  for (int64_t first = 0; first < args.count; first += kChunk) {
    const int64_t count = HWY_MIN(kChunk, args.count - first);
    const uint32_t* HWY_RESTRICT rows = args.rows + first;
    const float* HWY_RESTRICT gradient = args.gradient + first;
    for (int64_t i = 0; i < count; ++i) {
      if (args.is_known(first + i + kChunk)) line(accumulator + rows[i + kChunk]);
      float& sum = accumulator[rows[i]];
      steps[i] = load_relaxed(sum) + gradient[i] * gradient[i];
      store_relaxed(steps[i], sum);
    }
    for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
      const V s = hn::Load(d, steps + i);
      const V g = hn::Xor(load_first(d, gradient + i, static_cast<size_t>(count - i)), sign);
      const V root = kInside ? hn::Sqrt(hn::Add(s, epsilon)) : hn::Add(hn::Sqrt(s), epsilon);
      hn::Store(hn::Div(hn::Mul(rate, g), root), d, steps + i);
    }
    for (int64_t i = 0; i < count; ++i) {
      if (args.is_known(first + i + kChunk)) line(args.table + rows[i + kChunk]);
      float& weight = args.table[rows[i]];
      steps[i] = load_relaxed(weight) - steps[i];
      store_relaxed(steps[i], weight);
    }
    for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
      const auto w = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(count - i)), hn::Load(d, steps + i));
      finite &= hn::AllTrue(d, hn::IsFinite(w));
    }
  }
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

GradientCheck AdagradUpdateRows(const AdagradRule& rule, double rate, const RowUpdateArguments& args) {
  if (args.width == 1 && args.stride <= 1 && !args.gathered) {
    return with_prefetch(args.from_memory, [&](auto line) HWY_ATTR {
      return rule.epsilon_inside ? AdagradScalars<true>(rule, rate, args, line)
                                 : AdagradScalars<false>(rule, rate, args, line);
    });
  }
  return rule.epsilon_inside ? update_rows_of_elements<1>(AdagradStep<false, true>(rule, rate, 0), args)
                             : update_rows_of_elements<1>(AdagradStep<false, false>(rule, rate, 0), args);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AdagradUpdate);
HWY_EXPORT(AdagradUpdateRows);

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

double Adagrad::rate_of(double learning_rate, uint64_t step) const {
  return learning_rate / (1 + static_cast<double>(step - 1) * rule_.learning_rate_decay);
}

std::string Adagrad::objection_to_rows(float decay) const {
  return decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck Adagrad::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(AdagradUpdate)(rule_, rate_of(args.learning_rate, args.step), args);
}

GradientCheck Adagrad::update_rows(const RowUpdateArguments& args) const {
  if (args.weight_decay != 0 || (args.hogwild() && args.width > 1)) return Optimizer::update_rows(args);
  return HWY_DYNAMIC_DISPATCH(AdagradUpdateRows)(rule_, rate_of(args.learning_rate, args.step), args);
}

void Adagrad::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(rate_of(args.learning_rate, args.step));
  for (int64_t i = 0; i < args.count; ++i) {
    const float s = args.states[0][i];
    rates[i] = rate / (rule_.epsilon_inside ? std::sqrt(s + rule_.epsilon) : std::sqrt(s) + rule_.epsilon);
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
