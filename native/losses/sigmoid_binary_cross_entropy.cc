#include "losses/sigmoid_binary_cross_entropy.h"

#include <algorithm>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/sigmoid_binary_cross_entropy.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

#include "kernels/activation/exponential-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kChunk = 64;

// What weighs the outputs of a chunk.
struct ChunkWeights {
  HWY_ALIGN float sample[kChunk];    // the weight of the sample
  HWY_ALIGN float positive[kChunk];  // how many times a yes counts
};

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The sum of the weighted terms of `count` outputs, and their gradients unless `gradient` is null. Neither is ever a
// difference of numbers near 1, so floats will do: with e = e^-|z|, q = e / (1 + e) and m the target's distance from
// where z points, 1 - t or P t, a term is |z| m + (1 + (P - 1) t) ln(1 + e), its derivative by |z| m - (1 + (P - 1) t)
// q.
double terms_of(int64_t count, const float* HWY_RESTRICT logits, const float* HWY_RESTRICT targets,
                const ChunkWeights& weights, float scale, float* HWY_RESTRICT gradient) {
  const D d;
  const hn::Repartition<double, D> doubles;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V one = hn::Set(d, 1.0F);
  auto sum = hn::Zero(doubles);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto rest = static_cast<size_t>(std::min(lanes, count - i));
    const V z = load_first(d, logits + i, rest);
    const V t = load_first(d, targets + i, rest);
    const V w = load_first(d, weights.sample + i, rest);  // lanes beyond the end weigh nothing
    const V p = hn::Load(d, weights.positive + i);
    const V factor = hn::MulAdd(hn::Sub(p, one), t, one);
    const V size = hn::Abs(z);
    const V e = hn::IfThenElse(hn::IsNaN(z), z, exponential(d, hn::Neg(size)));
    const V distance = hn::IfThenElse(hn::Lt(z, hn::Zero(d)), hn::Mul(p, t), hn::Sub(one, t));
    const V term = hn::Mul(w, hn::MulAdd(size, distance, hn::Mul(factor, log_of_one_plus(d, e))));
    sum = hn::Add(sum, hn::Add(hn::PromoteLowerTo(doubles, term), hn::PromoteUpperTo(doubles, term)));
    if (gradient == nullptr) continue;
    const V slope = hn::NegMulAdd(factor, hn::Div(e, hn::Add(one, e)), distance);
    store_first(hn::Mul(hn::Xor(slope, hn::And(z, hn::SignBit(d))), hn::Mul(w, hn::Set(d, scale))), d, gradient + i,
                rest);
  }
  return hn::ReduceSum(doubles, sum);
}

// `positive_weight`: one, or one an output.
double Compute(const LossArguments& args, const std::vector<double>& positive_weight) {
  ChunkWeights weights;
  const bool weighted = args.targets.weights != nullptr;
  const bool shared = positive_weight.size() == 1;
  std::ranges::fill(weights.sample, 1.0F);
  std::ranges::fill(weights.positive, static_cast<float>(positive_weight[0]));
  const auto columns = static_cast<double>(args.columns);
  const int64_t total = args.rows * args.columns;
  double sum = 0;
  for (int64_t first = 0; first < total; first += kChunk) {
    const int64_t count = std::min(kChunk, total - first);
    for (int64_t i = 0; weighted && i < count; ++i)
      weights.sample[i] = args.targets.weights[(first + i) / args.columns];
    for (int64_t i = 0; !shared && i < count; ++i) {
      weights.positive[i] = static_cast<float>(positive_weight[static_cast<size_t>((first + i) % args.columns)]);
    }
    sum +=
        terms_of(count, args.outputs + first, args.targets.values + first, weights,
                 static_cast<float>(args.scale / columns), args.gradient == nullptr ? nullptr : args.gradient + first);
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
