#include "optimizers/rowwise_adagrad.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/rowwise_adagrad.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "optimizers/elementwise-inl.h"
#include "optimizers/table_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// Sums in the order that the header tells, whatever the width of a vector; r = sign g + decay w.
HWY_INLINE float sum_of_squares(const float* HWY_RESTRICT gradient, const float* HWY_RESTRICT weight, int64_t width,
                                V sign, float decay) {
  constexpr int64_t kSums = 8;
  using Sums = hn::CappedTag<float, kSums>;
  const Sums d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto sign_flip = hn::ResizeBitCast(d, sign);
  const auto coupled = hn::Set(d, decay);
  const auto square = [&](auto g, auto w) HWY_ATTR {
    const auto r = hn::Add(hn::Xor(g, sign_flip), hn::Mul(coupled, w));
    return hn::Mul(r, r);
  };
  HWY_ALIGN float sums[kSums];
  for (int64_t k = 0; k < kSums; k += lanes) {
    auto sum = hn::Zero(d);
    int64_t j = k;
    for (; j + lanes <= width; j += kSums) {
      sum = hn::Add(sum, square(hn::LoadU(d, gradient + j), hn::LoadU(d, weight + j)));
    }
    if (j < width) {
      const auto rest = static_cast<size_t>(width - j);
      sum = hn::Add(sum, square(load_first(d, gradient + j, rest), load_first(d, weight + j, rest)));
    }
    hn::Store(sum, d, sums + k);
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// Not a factor 1 - rate decay: its rounding would add up over the steps.
struct RowStep {
  V rate, sign, shrink;

  HWY_INLINE void apply(V gradient, V& w, V* /*states*/) const {
    w = hn::Sub(hn::Sub(w, hn::Mul(shrink, w)), hn::Mul(rate, hn::Xor(gradient, sign)));
  }
};

struct RowUpdate {
  const RowwiseAdagradRule& rule;
  int64_t width;
  float rate;
  float decay;

  template <class Arguments>
  RowUpdate(const RowwiseAdagradRule& rule, int64_t width, const Arguments& args)
      : rule(rule), width(width), rate(static_cast<float>(args.learning_rate)), decay(args.weight_decay) {}

  HWY_INLINE FiniteCheck apply(const float* gradient, float* weight, float& s) const {
    const V sign = sign_of(rule.maximize);
    s += sum_of_squares(gradient, weight, width, sign, rule.decoupled ? 0.0F : decay) / static_cast<float>(width);
    const float row_rate = rate / (std::sqrt(s) + rule.epsilon);
    const RowStep step{broadcast(row_rate), sign, broadcast((rule.decoupled ? rate : row_rate) * decay)};
    ElementUpdate<0, RowStep> update(step, weight, gradient, nullptr);
    update.row(width);
    return update.finite();
  }
};

// The same for rows of one value, a lane each.
struct ValueStep {
  V rate, epsilon, sign, coupled, decay;
  bool decoupled;

  ValueStep(const RowwiseAdagradRule& rule, const RowUpdateArguments& args)
      : rate(broadcast(args.learning_rate)),
        epsilon(broadcast(rule.epsilon)),
        sign(sign_of(rule.maximize)),
        coupled(broadcast(rule.decoupled ? 0 : args.weight_decay)),
        decay(broadcast(args.weight_decay)),
        decoupled(rule.decoupled) {}

  HWY_INLINE void apply(V gradient, V& w, V* s) const {
    const V g = hn::Xor(gradient, sign);
    const V r = hn::Add(g, hn::Mul(coupled, w));
    s[0] = hn::Add(s[0], hn::Mul(r, r));
    const V own_rate = hn::Div(rate, hn::Add(hn::Sqrt(s[0]), epsilon));
    const V shrink = hn::Mul(decoupled ? rate : own_rate, decay);
    w = hn::Sub(hn::Sub(w, hn::Mul(shrink, w)), hn::Mul(own_rate, g));
  }
};

GradientCheck RowwiseUpdate(const RowwiseAdagradRule& rule, const UpdateArguments& args) {
  const int64_t rows = rows_of(args.shape);
  const RowUpdate update(rule, args.count / rows, args);
  FiniteCheck finite;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t first = row * update.width;
    finite.add(update.apply(args.gradient + first, args.weight + first, args.states[0][row]));
  }
  return finite.check();
}

GradientCheck RowwiseUpdateRows(const RowwiseAdagradRule& rule, const RowUpdateArguments& args) {
  if (args.width == 1) return update_rows_of_elements<1>(ValueStep(rule, args), args);
  const int64_t ahead = prefetch_distance(args.width * static_cast<int64_t>(sizeof(float)));
  const RowUpdate update(rule, args.width, args);
  return with_prefetch(args.from_memory, [&](auto line) HWY_ATTR {
    FiniteCheck finite;
    for (int64_t i = 0; i < args.count; ++i) {
      args.prefetch(i + ahead, 1, line);
      finite.add(update.apply(args.gradient + i * args.width, args.weights_of(i), *args.state_of(0, i, 1)));
    }
    return finite.check();
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(RowwiseUpdate);
HWY_EXPORT(RowwiseUpdateRows);

RowwiseAdagrad::RowwiseAdagrad(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.initial_accumulator = spec.number("initialAccumulator"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .decoupled = spec.string("weightDecayMode") == "decoupled",
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> RowwiseAdagrad::states(const Shape& parameter) const {
  return {{"accumulator", static_cast<float>(rule_.initial_accumulator), Shape{rows_of(parameter)}}};
}

std::string RowwiseAdagrad::objection_to_rows(float decay) const {
  return decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck RowwiseAdagrad::update(const UpdateArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(RowwiseUpdate)(rule_, args);
}

GradientCheck RowwiseAdagrad::update_rows(const RowUpdateArguments& args) const {
  if (args.hogwild()) return Optimizer::update_rows(args);
  return HWY_DYNAMIC_DISPATCH(RowwiseUpdateRows)(rule_, args);
}

void RowwiseAdagrad::effective_rates(const UpdateArguments& args, float* rates) const {
  const int64_t rows = rows_of(args.shape);
  const int64_t width = args.count / rows;
  for (int64_t row = 0; row < rows; ++row) {
    const float rate = static_cast<float>(args.learning_rate) / (std::sqrt(args.states[0][row]) + rule_.epsilon);
    std::fill_n(rates + row * width, width, rate);
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
