#include "kernels/machine/simd_target.h"

#include <hwy/targets.h>

#include <mutex>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/machine/simd_target.cc"
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

namespace {

// Plans are sized for what is chosen, so that it is never another one.
std::string choose_once(const std::string& name) {
  int64_t better = 0;
  std::string known;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {  // the best one first
    if (name.empty() || name == hwy::TargetName(target)) {
      hwy::DisableTargets(better);
      // Else the first threads to dispatch would do this, each for itself.
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      return hwy::TargetName(target);
    }
    better |= target;
    known += (known.empty() ? "" : ", ") + std::string(hwy::TargetName(target));
  }
  throw Error("INVALID_OPTION", "GRADLOOM_SIMD: \"" + name +
                                    "\" is no instruction set of this processor that there is code for: " + known);
}

}  // namespace

const char* simd_target() { return HWY_DYNAMIC_DISPATCH(Name)(); }

void choose_simd_target(const std::string& name) {
  static std::mutex choosing;
  static std::string chosen;
  const std::lock_guard lock(choosing);
  if (chosen.empty()) chosen = choose_once(name);
  if (name.empty() || name == chosen) return;
  throw Error("INVALID_OPTION", "GRADLOOM_SIMD: this process computes by " + chosen + " already, not by " + name);
}

}  // namespace gradloom
#endif  // HWY_ONCE
