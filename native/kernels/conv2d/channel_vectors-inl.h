// The channels of a pixel, some vectors at a time, for grouped_channels and its weight gradient. Included once for
// every target.
#if defined(GRADLOOM_CHANNEL_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_CHANNEL_VECTORS_INL_H_
#undef GRADLOOM_CHANNEL_VECTORS_INL_H_
#else
#define GRADLOOM_CHANNEL_VECTORS_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Vectors of channels side by side, so that sums do not wait for each other.
constexpr int kVectors = 4;

// Vector v of kCount; with kPartial the last one has `rest` lanes only.
template <int kCount, bool kPartial>
HWY_INLINE V load(const float* from, int v, size_t rest) {
  const D d;
  from += v * static_cast<int64_t>(hn::Lanes(d));
  return kPartial && v == kCount - 1 ? load_first(d, from, rest) : hn::LoadU(d, from);
}

template <int kCount, bool kPartial>
HWY_INLINE void store(V value, float* to, int v, size_t rest) {
  const D d;
  to += v * static_cast<int64_t>(hn::Lanes(d));
  const bool partial = kPartial && v == kCount - 1;
  partial ? store_first(value, d, to, rest) : hn::StoreU(value, d, to);
}

template <int kSize, bool kRest>
struct Vectors {
  static constexpr int kCount = kSize;
  static constexpr bool kPartial = kRest;
};

// Calls body(Vectors(), first lane, lanes of the last vector if it is partial) for all of them, up to kVectors vectors
// at a time.
template <class Body>
HWY_INLINE void for_lanes(int64_t width, Body body) {
  static_assert(kVectors == 4);
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t c = 0; c < width; c += kVectors * lanes) {
    const int64_t count = HWY_MIN(width - c, kVectors * lanes);
    const auto rest = static_cast<size_t>(count % lanes);
    switch ((count + lanes - 1) / lanes * 2 + (rest > 0 ? 1 : 0)) {
      case 2: body(Vectors<1, false>(), c, rest); break;
      case 3: body(Vectors<1, true>(), c, rest); break;
      case 4: body(Vectors<2, false>(), c, rest); break;
      case 5: body(Vectors<2, true>(), c, rest); break;
      case 6: body(Vectors<3, false>(), c, rest); break;
      case 7: body(Vectors<3, true>(), c, rest); break;
      case 8: body(Vectors<4, false>(), c, rest); break;
      default: body(Vectors<4, true>(), c, rest); break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
