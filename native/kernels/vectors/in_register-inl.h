// Vectors that are loaded once. Included once for every target.
#if defined(GRADLOOM_IN_REGISTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_IN_REGISTER_INL_H_
#undef GRADLOOM_IN_REGISTER_INL_H_
#else
#define GRADLOOM_IN_REGISTER_INL_H_
#endif

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

// A loaded vector with two or three uses. g++ would rather read it from memory for each of them, and multiply-adds
// that all read memory start no faster than loads do.
template <class V>
HWY_INLINE V in_register(V loaded) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC && !HWY_COMPILER_CLANG
  asm("" : "+v"(loaded.raw));
#endif
  return loaded;
}

// A pointer to which g++ would rather add each of its uses' offsets ahead of a loop, in more registers than there are.
HWY_INLINE const float* in_register(const float* computed) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC && !HWY_COMPILER_CLANG
  asm("" : "+r"(computed));
#endif
  return computed;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
