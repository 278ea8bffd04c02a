#include "training/tables/hogwild_buffers.h"

#include <algorithm>

#include "common/checked.h"

namespace gradloom {

HogwildBuffers::HogwildBuffers(const Learner& learner, int threads) {
  if (learner.duplicates() != Duplicates::kHogwild || threads == 1) return;
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].row_width != 1) continue;
    stride_ = std::max(stride_, 1 + static_cast<int64_t>(learner.states(static_cast<int>(p)).size()));
  }
  if (stride_ == 0) return;
  // No line of the cache is of two threads.
  constexpr int64_t kFloatsPerLine = kCacheLine / static_cast<int64_t>(sizeof(float));
  stride_ = round_up(stride_, kFloatsPerLine);
  memory_ = AlignedBuffer(checked_multiply(stride_, threads));
}

}  // namespace gradloom
