#include "kernels/simd_target.h"

#include <hwy/targets.h>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_target.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

const char* Name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Name);

const char* simd_target() { return HWY_DYNAMIC_DISPATCH(Name)(); }

void hold_to_simd_target(const std::string& name) {
  int64_t better = 0;
  std::string known;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {  // the best one first
    if (name == hwy::TargetName(target)) {
      hwy::DisableTargets(better);
      return;
    }
    better |= target;
    known += (known.empty() ? "" : ", ") + std::string(hwy::TargetName(target));
  }
  throw Error("INVALID_OPTION", "GRADLOOM_SIMD: \"" + name +
                                    "\" is no instruction set of this processor that there is code for: " + known);
}

}  // namespace gradloom
#endif  // HWY_ONCE
