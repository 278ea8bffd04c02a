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

#endif
