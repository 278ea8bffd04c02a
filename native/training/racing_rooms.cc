#include "training/racing_rooms.h"

#include <algorithm>

#include "common/checked.h"

namespace gradloom {

RacingRooms::RacingRooms(const Learner& learner, int threads) {
  if (learner.duplicates() != Duplicates::kHogwild || threads == 1) return;
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const auto states = static_cast<int64_t>(learner.states(static_cast<int>(p)).size());
    stride_ = std::max(stride_, checked_multiply(parameters[p].row_width, 1 + states));
  }
  // No line of the cache is of two threads.
  constexpr int64_t kFloatsPerLine = kCacheLine / static_cast<int64_t>(sizeof(float));
  stride_ = round_up(stride_, kFloatsPerLine);
  memory_ = AlignedBuffer(checked_multiply(stride_, threads));
}

}  // namespace gradloom
