#include "kernels/negative_sampling.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/negative_sampling.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// total[D] = sum of factors[k] table[rows[k]], in order.
HWY_INLINE void sum_targets(const NegativeSamplingTerms& terms, const uint32_t* rows, const float* factors,
                            float* total) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= terms.units; i += lanes) {
    auto sum = hn::Zero(d);
    for (int64_t k = 0; k <= terms.negatives; ++k) {
      sum = hn::MulAdd(hn::Set(d, factors[k]), hn::LoadU(d, terms.table + rows[k] * terms.stride + i), sum);
    }
    hn::StoreU(sum, d, total + i);
  }
  if (i == terms.units) return;
  const auto rest = static_cast<size_t>(terms.units - i);
  auto sum = hn::Zero(d);
  for (int64_t k = 0; k <= terms.negatives; ++k) {
    sum = hn::MulAdd(hn::Set(d, factors[k]), hn::LoadN(d, terms.table + rows[k] * terms.stride + i, rest), sum);
  }
  hn::StoreN(sum, d, total + i, rest);
}

double CompareWithTargets(const NegativeSamplingTerms& terms, int64_t first, int64_t count) {
  constexpr int64_t kPairsAhead = 2;
  constexpr int64_t kFloatsPerLine = 16;
  const int64_t targets = terms.negatives + 1;
  const int64_t line_end = HWY_MIN(terms.units, 8 * kFloatsPerLine);
  double loss = 0;
  for (int64_t p = first; p < first + count; ++p) {
    const uint32_t* rows = terms.targets + p * targets;
    if (p + kPairsAhead < first + count) {
      for (int64_t k = 0; k < targets; ++k) {
        const float* row = terms.table + rows[kPairsAhead * targets + k] * terms.stride;
        for (int64_t i = 0; i < line_end; i += kFloatsPerLine) hwy::Prefetch(row + i);
      }
    }
    float* factors = terms.factors + p * targets;
    // softplus(z) = max(z, 0) + ln(1 + e^-|z|); one logarithm of the product does for a pair.
    double product = 1;
    for (int64_t k = 0; k < targets; ++k) {
      const float z = dot(terms.hidden + p * terms.units, terms.table + rows[k] * terms.stride, terms.units);
      const bool seen = k == 0;
      const float small = std::exp(-std::abs(z));  // of the two exponentials, the one that does not overflow
      const float sigmoid = (z < 0 ? small : 1.0F) / (1.0F + small);
      loss += double{std::max(seen ? -z : z, 0.0F)};
      product *= 1 + double{small};
      factors[k] = seen ? -(z < 0 ? 1.0F : small) / (1.0F + small) : sigmoid;
    }
    loss += std::log(product);
    sum_targets(terms, rows, factors, terms.gradients + p * terms.units);
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
