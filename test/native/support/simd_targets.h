// Runs a check once on every instruction set that this processor has code for, not only on the best one.
#pragma once

#include <hwy/targets.h>

#include <string>
#include <vector>

namespace gradloom::test {

template <class Check>
void for_each_simd_target(Check check) {
  const std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  for (const int64_t target : targets) {
    hwy::SetSupportedTargetsForTest(target);
    check(std::string(hwy::TargetName(target)));
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace gradloom::test
