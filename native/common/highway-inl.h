// Highway, also as old as Debian 12 has it (1.0.3, without LoadN and StoreN). Included once for every target.
#if defined(GRADLOOM_HIGHWAY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_HIGHWAY_INL_H_
#undef GRADLOOM_HIGHWAY_INL_H_
#else
#define GRADLOOM_HIGHWAY_INL_H_
#endif

#include <hwy/highway.h>

#if HWY_MAJOR == 1 && HWY_MINOR < 1
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace hwy {
namespace HWY_NAMESPACE {

// The first `count` lanes from `from`, zeros in the others; at most Lanes(d) of them, nothing read beyond.
template <class D, class T = TFromD<D>>
HWY_API Vec<D> LoadN(D d, const T* HWY_RESTRICT from, size_t count) {
  T lanes[MaxLanes(d)] = {};
  std::memcpy(lanes, from, sizeof(T) * HWY_MIN(count, Lanes(d)));
  return LoadU(d, lanes);
}

template <class D, class T = TFromD<D>>
HWY_API void StoreN(Vec<D> values, D d, T* HWY_RESTRICT to, size_t count) {
  T lanes[MaxLanes(d)];
  StoreU(values, d, lanes);
  std::memcpy(to, lanes, sizeof(T) * HWY_MIN(count, Lanes(d)));
}

}  // namespace HWY_NAMESPACE
}  // namespace hwy
HWY_AFTER_NAMESPACE();
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// As hwy's LoadN: the first `count` lanes from `from`, zeros in the others. On AVX2 that one branches at every call,
// for the sake of sanitizers, though masked loads read nothing beyond.
template <class D, class T>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_first(D d, const T* HWY_RESTRICT from, size_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_AVX2
  if constexpr (sizeof(T) == sizeof(float)) return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#endif
  return hn::LoadN(d, from, count);
}

// As hwy's StoreN. AMD's masked stores of AVX2 take ten cycles.
template <class D, class T>
HWY_INLINE void store_first(hwy::HWY_NAMESPACE::Vec<D> values, D d, T* HWY_RESTRICT to, size_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_AVX2
  if constexpr (sizeof(T) == sizeof(float) && hn::MaxLanes(D()) == 8) {
    constexpr hn::Half<D> four;
    constexpr hn::Half<decltype(four)> two;
    if (count >= 8) return hn::StoreU(values, d, to);
    auto rest = hn::LowerHalf(four, values);
    if ((count & 4) != 0) {
      hn::StoreU(rest, four, to);
      rest = hn::UpperHalf(four, values);
      to += 4;
    }
    auto pair = hn::LowerHalf(two, rest);
    if ((count & 2) != 0) {
      hn::StoreU(pair, two, to);
      pair = hn::UpperHalf(two, rest);
      to += 2;
    }
    if ((count & 1) != 0) *to = hn::GetLane(pair);
    return;
  }
#endif
  hn::StoreN(values, d, to, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
