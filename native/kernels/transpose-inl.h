// A 4x4 transposition in registers, which all others are made of. Included once for every target.
#if defined(GRADLOOM_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_TRANSPOSE_INL_H_
#undef GRADLOOM_TRANSPOSE_INL_H_
#else
#define GRADLOOM_TRANSPOSE_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

using Quad = hwy::HWY_NAMESPACE::FixedTag<float, 4>;

// target[c * target_stride + r] = source[r * source_stride + c] for r, c < 4; at any address.
HWY_INLINE void transpose_quad(const float* HWY_RESTRICT source, int64_t source_stride, float* HWY_RESTRICT target,
                               int64_t target_stride) {
  namespace hn = hwy::HWY_NAMESPACE;
  const Quad q;
  const auto row0 = hn::LoadU(q, source);
  const auto row1 = hn::LoadU(q, source + source_stride);
  const auto row2 = hn::LoadU(q, source + 2 * source_stride);
  const auto row3 = hn::LoadU(q, source + 3 * source_stride);
  const auto even_low = hn::InterleaveLower(q, row0, row2);
  const auto even_high = hn::InterleaveUpper(q, row0, row2);
  const auto odd_low = hn::InterleaveLower(q, row1, row3);
  const auto odd_high = hn::InterleaveUpper(q, row1, row3);
  hn::StoreU(hn::InterleaveLower(q, even_low, odd_low), q, target);
  hn::StoreU(hn::InterleaveUpper(q, even_low, odd_low), q, target + target_stride);
  hn::StoreU(hn::InterleaveLower(q, even_high, odd_high), q, target + 2 * target_stride);
  hn::StoreU(hn::InterleaveUpper(q, even_high, odd_high), q, target + 3 * target_stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
