#include "kernels/word_vectors/negative_sampling.h"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/word_vectors/negative_sampling.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "kernels/activation/exponential-inl.h"
#include "kernels/embedding/row_columns-inl.h"
#include "kernels/vectors/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// total[D] = sum of factors[k] table[rows[k]], in order; as sum_columns, but with products and sums fused.
HWY_INLINE void sum_targets(const NegativeSamplingTerms& terms, const uint32_t* rows, const float* factors,
                            float* total) {
  for_columns<kSumVectors>(terms.units, [&](const auto& columns) HWY_ATTR {
    using Columns = std::decay_t<decltype(columns)>;
    const typename Columns::Floats d;
    hn::Vec<decltype(d)> sums[Columns::kCount];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (int64_t k = 0; k <= terms.negatives; ++k) {
      const float* row = terms.table + rows[k] * terms.stride;
      const auto factor = hn::Set(d, factors[k]);
      for (int64_t v = 0; v < Columns::kCount; ++v) {
        sums[v] = hn::MulAdd(factor, columns.load(d, row, v), sums[v]);
      }
    }
    for (int64_t v = 0; v < Columns::kCount; ++v) columns.store(d, sums[v], total, v);
  });
}

// The rows of pair `p`.
HWY_INLINE void prefetch_targets(const NegativeSamplingTerms& terms, int64_t p) {
  if (p >= terms.pairs) return;
  const int64_t targets = terms.negatives + 1;
  const uint32_t* rows = terms.targets + p * targets;
  for (int64_t k = 0; k < targets; ++k) {
    for_each_line(terms.table + rows[k] * terms.stride, terms.units * static_cast<int64_t>(sizeof(float)),
                  prefetch_to_l2);
  }
}

// z becomes sigmoid(z), `count` times. Returns the sum of softplus(z) = max(z, 0) + ln(1 + e^-|z|).
HWY_INLINE double softplus_and_sigmoid(float* z, int64_t count) {
  const hn::ScalableTag<float> d;
  const hn::Repartition<double, decltype(d)> doubles;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0F);
  auto sum = hn::Zero(doubles);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto rest = static_cast<size_t>(HWY_MIN(lanes, count - i));
    const auto v = load_first(d, z + i, rest);
    const auto e = hn::IfThenElse(hn::IsNaN(v), v, exponential(d, hn::Neg(hn::Abs(v))));
    const auto positive = hn::Gt(v, hn::Zero(d));
    const auto value = hn::Add(hn::IfThenElseZero(positive, v), log_of_one_plus(d, e));
    const auto term = hn::IfThenElseZero(hn::FirstN(d, rest), value);
    sum = hn::Add(sum, hn::Add(hn::PromoteLowerTo(doubles, term), hn::PromoteUpperTo(doubles, term)));
    store_first(hn::Div(hn::IfThenElse(positive, one, e), hn::Add(one, e)), d, z + i, rest);
  }
  return hn::ReduceSum(doubles, sum);
}

double CompareWithTargets(const NegativeSamplingTerms& terms, int64_t first, int64_t count) {
  // So many that exponentials fill vectors, so few that rows stay in L1 until they are weighed.
  constexpr int64_t kTargetsAtOnce = 32;
  const int64_t targets = terms.negatives + 1;
  const int64_t most = HWY_MAX(int64_t{1}, kTargetsAtOnce / targets);
  const int64_t ahead = 1 + prefetch_distance(terms.units * static_cast<int64_t>(sizeof(float))) / targets;
  double loss = 0;
  for (int64_t begin = first; begin < first + count; begin += most) {
    const int64_t end = HWY_MIN(begin + most, first + count);
    for (int64_t p = begin; p < end; ++p) {
      prefetch_targets(terms, p + ahead);
      const uint32_t* rows = terms.targets + p * targets;
      float* products = terms.factors + p * targets;
      for (int64_t k = 0; k < targets; ++k) {
        products[k] = dot(terms.hidden + p * terms.units, terms.table + rows[k] * terms.stride, terms.units);
      }
      products[0] = -products[0];  // softplus(-z), and sigmoid(z) - 1 = -sigmoid(-z)
    }
    loss += softplus_and_sigmoid(terms.factors + begin * targets, (end - begin) * targets);
    for (int64_t p = begin; p < end; ++p) {
      float* factors = terms.factors + p * targets;
      factors[0] = -factors[0];
      sum_targets(terms, terms.targets + p * targets, factors, terms.gradients + p * terms.units);
    }
  }
  return loss;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(CompareWithTargets);

double compare_with_targets(const NegativeSamplingTerms& terms, int64_t first, int64_t count) {
  return HWY_DYNAMIC_DISPATCH(CompareWithTargets)(terms, first, count);
}

}  // namespace gradloom
#endif  // HWY_ONCE
