#include "losses/softmax_cross_entropy.h"

#include <cmath>
#include <limits>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/softmax_cross_entropy.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/activation/exponential-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What of a row's softmax is known before its target comes in.
struct SoftmaxSum {
  int64_t count;
  float largest;
  double sum;   // of e^(z - largest)
  float scale;  // of the gradient
};

// Returns the sum of exponentials[i] = e^(z[i] - shift).
double exponentials_of(const float* HWY_RESTRICT z, int64_t count, float shift, float* HWY_RESTRICT exponentials) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto m = hn::Set(d, shift);
  const hn::Repartition<double, decltype(d)> doubles;
  auto sum = hn::Zero(doubles);
  const auto add = [&](auto e) HWY_ATTR {
    sum = hn::Add(sum, hn::Add(hn::PromoteLowerTo(doubles, e), hn::PromoteUpperTo(doubles, e)));
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto e = exponential(d, hn::Sub(hn::LoadU(d, z + i), m));
    hn::StoreU(e, d, exponentials + i);
    add(e);
  }
  if (i < count) {
    const auto rest = static_cast<size_t>(count - i);
    const auto e = hn::IfThenElseZero(hn::FirstN(d, rest), exponential(d, hn::Sub(load_first(d, z + i, rest), m)));
    store_first(e, d, exponentials + i, rest);
    add(e);
  }
  return hn::ReduceSum(doubles, sum);
}

// NaN if any of them is.
float largest_of(const float* z, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto largest = hn::Set(d, z[0]);
  auto numbers = hn::Eq(largest, largest);
  const auto take = [&](auto v) HWY_ATTR {
    numbers = hn::And(numbers, hn::Eq(v, v));
    largest = hn::Max(largest, v);
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) take(hn::LoadU(d, z + i));
  if (i < count) {
    const auto rest = static_cast<size_t>(count - i);
    take(hn::IfThenElse(hn::FirstN(d, rest), load_first(d, z + i, rest), hn::Set(d, z[0])));
  }
  return hn::AllTrue(d, numbers) ? hn::GetLane(hn::MaxOfLanes(d, largest)) : NAN;
}

// The rest of a row behind its log-sum-exp. A class index without smoothing is one entry of q, so the others need no
// pass of their own.
double FinishOneHot(const float* z, const SoftmaxSum& row, int32_t target, float weight, float* gradient) {
  const float factor = static_cast<float>(weight * row.scale / row.sum);
  for (int64_t i = 0; gradient != nullptr && i < row.count; ++i) gradient[i] *= factor;
  if (gradient != nullptr) gradient[target] -= weight * row.scale;
  return weight * (std::log(row.sum) - (static_cast<double>(z[target]) - row.largest));
}

// `share_of(i)` is q[i] before class weights.
template <class ShareOf>
double FinishDistribution(const float* z, const SoftmaxSum& row, const SoftmaxTargets& targets, ShareOf&& share_of,
                          float* gradient) {
  double mass = 0;
  double loss = 0;
  for (int64_t i = 0; i < row.count; ++i) {
    const double q = targets.class_weight(i) * share_of(i);
    mass += q;
    if (q != 0) loss -= q * (static_cast<double>(z[i]) - row.largest);  // a logit of -inf may have no share
  }
  for (int64_t i = 0; gradient != nullptr && i < row.count; ++i) {
    const double q = targets.class_weight(i) * share_of(i);
    gradient[i] = static_cast<float>((gradient[i] / row.sum * mass - q) * row.scale);
  }
  return loss + mass * std::log(row.sum);
}

// Leaves the exponentials in `gradient`, unless that is null.
double SumOfExponentials(const float* z, int64_t count, float largest, float* gradient) {
  if (gradient != nullptr) return exponentials_of(z, count, largest, gradient);
  constexpr int64_t kChunk = 256;
  float chunk[kChunk];
  double sum = 0;
  for (int64_t i = 0; i < count; i += kChunk) {
    sum += exponentials_of(z + i, count - i < kChunk ? count - i : kChunk, largest, chunk);
  }
  return sum;
}

double ComputeRow(const LossArguments& args, const SoftmaxTargets& targets, int64_t row) {
  const int64_t count = args.columns;
  const float* z = args.outputs + row * count;
  float* gradient = args.gradient == nullptr ? nullptr : args.gradient + row * count;
  if (targets.ignored && args.targets.classes[row] == *targets.ignored) {
    for (int64_t i = 0; gradient != nullptr && i < count; ++i) gradient[i] = 0;
    return 0;
  }
  const float largest = largest_of(z, count);
  if (!std::isfinite(largest)) {
    for (int64_t i = 0; gradient != nullptr && i < count; ++i) gradient[i] = NAN;  // for runs that go on
    return NAN;
  }
  const auto weight = static_cast<float>(args.targets.weight(row));
  const SoftmaxSum sum{count, largest, SumOfExponentials(z, count, largest, gradient), args.scale * weight};
  const float kept = 1 - targets.smoothing;
  const float spread = targets.smoothing / static_cast<float>(count);
  if (targets.kind == TargetKind::kValues) {
    const float* t = args.targets.values + row * count;
    return weight * FinishDistribution(
                        z, sum, targets, [&](int64_t i) { return kept * t[i] + spread; }, gradient);
  }
  const int32_t target = args.targets.classes[row];
  if (targets.smoothing == 0) {
    return weight * FinishOneHot(z, sum, target, targets.class_weight(target), gradient);
  }
  return weight * FinishDistribution(
                      z, sum, targets, [&](int64_t i) { return (i == target ? kept : 0) + spread; }, gradient);
}

double Compute(const LossArguments& args, const SoftmaxTargets& targets) {
  double total = 0;
  for (int64_t row = 0; row < args.rows; ++row) total += ComputeRow(args, targets, row);
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Compute);

SoftmaxCrossEntropy::SoftmaxCrossEntropy(const Spec& spec)
    : Loss(spec),
      targets_{spec.string("targets") == "distributions" ? TargetKind::kValues : TargetKind::kClass,
               static_cast<float>(spec.number("labelSmoothing")),
               {},
               std::nullopt} {
  if (spec.has("classWeights")) {
    const std::vector<double> weights = spec.numbers("classWeights");
    targets_.class_weights.assign(weights.begin(), weights.end());
  }
  if (spec.has("ignoreIndex")) {
    if (targets_.kind != TargetKind::kClass) throw Error("INVALID_SPEC", kind() + ": ignoreIndex needs class targets");
    targets_.ignored = static_cast<int32_t>(spec.integer("ignoreIndex", std::numeric_limits<int32_t>::min()));
  }
}

double SoftmaxCrossEntropy::compute(const LossArguments& args) const {
  return HWY_DYNAMIC_DISPATCH(Compute)(args, targets_);
}

double SoftmaxCrossEntropy::divisor(const Targets& targets, int64_t rows) const {
  const bool uniform = targets_.class_weights.empty() && !targets_.ignored;
  if (targets_.kind == TargetKind::kValues || uniform) return static_cast<double>(rows);
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (targets.classes[row] != targets_.ignored) sum += targets_.class_weight(targets.classes[row]);
  }
  return sum;
}

void SoftmaxCrossEntropy::check_outputs(const Shape& output_shape) const {
  if (output_shape.rank() != 1 || output_shape.size() < 2) {
    throw Error("SHAPE_MISMATCH", "softmaxCrossEntropy: the model's outputs have shape " + output_shape.to_string() +
                                      "; one logit a class is expected, [classes] with at least 2. End the model in "
                                      "dense({ units: classes })");
  }
  const auto weights = static_cast<int64_t>(targets_.class_weights.size());
  if (weights != 0 && weights != output_shape.size()) {
    throw Error("SHAPE_MISMATCH", "softmaxCrossEntropy: classWeights has " + std::to_string(weights) +
                                      " entries, the model has outputs for " + std::to_string(output_shape.size()) +
                                      " classes");
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
