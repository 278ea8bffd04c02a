#include "losses/sigmoid_binary_cross_entropy.h"

#include <algorithm>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/sigmoid_binary_cross_entropy.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kChunk = 64;

// What weighs the outputs of a chunk.
struct ChunkWeights {
  HWY_ALIGN double sample[kChunk];    // the weight of the sample
  HWY_ALIGN double positive[kChunk];  // how many times a yes counts
};

// The sum of the weighted terms of `count` outputs, and their gradients unless `gradient` is null. In double precision:
// a loss near 0 is a difference of numbers near 1.
double terms_of(int64_t count, const float* HWY_RESTRICT logits, const float* HWY_RESTRICT targets,
                const ChunkWeights& weights, double scale, float* HWY_RESTRICT gradient) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> floats;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0);
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto rest = static_cast<size_t>(std::min(lanes, count - i));
    const auto z = hn::PromoteTo(d, hn::LoadN(floats, logits + i, rest));
    const auto t = hn::PromoteTo(d, hn::LoadN(floats, targets + i, rest));
    const auto w = hn::LoadN(d, weights.sample + i, rest);  // lanes beyond the end weigh nothing
    const auto p = hn::Load(d, weights.positive + i);
    const auto factor = hn::MulAdd(hn::Sub(p, one), t, one);
    // Exp of NaN is 0 here and there.
    const auto e = hn::IfThenElse(hn::IsNaN(z), z, hn::Exp(d, hn::Neg(hn::Abs(z))));
    // ln(1 + e) of what 1 + e is rounded to, and the derivative times what that leaves out.
    const auto sum_with_one = hn::Add(one, e);
    const auto inverse = hn::Div(one, sum_with_one);
    const auto left_out = hn::Sub(e, hn::Sub(sum_with_one, one));
    const auto logarithm = hn::MulAdd(left_out, inverse, hn::Log(d, sum_with_one));
    const auto rise = hn::Add(logarithm, hn::Max(hn::Neg(z), hn::Zero(d)));
    sum = hn::MulAdd(w, hn::MulAdd(factor, rise, hn::Mul(hn::Sub(one, t), z)), sum);
    if (gradient == nullptr) continue;
    const auto sigmoid = hn::Mul(hn::IfThenElse(hn::Ge(z, hn::Zero(d)), one, e), inverse);
    const auto slope = hn::Sub(hn::Mul(factor, sigmoid), hn::Mul(p, t));
    hn::StoreN(hn::DemoteTo(floats, hn::Mul(slope, hn::Mul(w, hn::Set(d, scale)))), floats, gradient + i, rest);
  }
  return hn::ReduceSum(d, sum);
}

// `positive_weight`: one, or one an output.
double Compute(const LossArguments& args, const std::vector<double>& positive_weight) {
  ChunkWeights weights;
  const bool weighted = args.targets.weights != nullptr;
  const bool shared = positive_weight.size() == 1;
  std::ranges::fill(weights.sample, 1.0);
  std::ranges::fill(weights.positive, positive_weight[0]);
  const auto columns = static_cast<double>(args.columns);
  const int64_t total = args.rows * args.columns;
  double sum = 0;
  for (int64_t first = 0; first < total; first += kChunk) {
    const int64_t count = std::min(kChunk, total - first);
    for (int64_t i = 0; weighted && i < count; ++i) weights.sample[i] = args.targets.weight((first + i) / args.columns);
    for (int64_t i = 0; !shared && i < count; ++i) {
      weights.positive[i] = positive_weight[static_cast<size_t>((first + i) % args.columns)];
    }
    sum += terms_of(count, args.outputs + first, args.targets.values + first, weights, args.scale / columns,
                    args.gradient == nullptr ? nullptr : args.gradient + first);
  }
  return sum / columns;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace gradloom {

HWY_EXPORT(Compute);

double SigmoidBinaryCrossEntropy::compute(const LossArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(Compute)(args, positive_weight_);
}

void SigmoidBinaryCrossEntropy::check_outputs(const Shape& output_shape) const {
  const auto count = static_cast<int64_t>(positive_weight_.size());
  if (count != 1 && count != output_shape.size()) {
    throw Error("SHAPE_MISMATCH", kind() + ": positiveWeight has " + std::to_string(count) +
                                      " entries, expected one, or one for each of the " +
                                      std::to_string(output_shape.size()) + " outputs");
  }
}

}  // namespace gradloom

#endif  // HWY_ONCE
