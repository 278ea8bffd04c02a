#include "training/thread_search.h"

#include <algorithm>

namespace gradloom {

void ThreadSearch::add_step(double seconds) {
  // A trial need not be ended to be given up.
  constexpr double kHopeless = 1.4;
  if (most_ == 1) return;
  seconds_[steps_++] = seconds;
  const bool hopeless = back_to_ != 0 && steps_ == kSettling && seconds > kHopeless * usual_;
  if (steps_ < seconds_.size() && !hopeless) return;
  steps_ = 0;
  if (hopeless) return end_window(seconds);
  const auto middle = seconds_.begin() + kSettling + kMeasured / 2;
  std::nth_element(seconds_.begin() + kSettling, middle, seconds_.end());
  end_window(*middle);
}

void ThreadSearch::end_window(double seconds) {
  // A gain is more than noise.
  constexpr double kFaster = 0.95;
  // Steps that take so much longer than they did tell of a change.
  constexpr double kSlower = 1.5;
  constexpr double kLongStep = 20e-3;
  constexpr int64_t kSoon = 8;
  constexpr int64_t kMostWait = 512;
  if (back_to_ != 0) {
    const bool gains = seconds < kFaster * usual_;
    if (gains) {
      usual_ = seconds;
      wait_ = 1;
    } else {
      threads_ = back_to_;
      fewer_ = !fewer_;
    }
    back_to_ = 0;
    return;
  }
  if (seconds > kSlower * usual_) wait_ = std::min(wait_, kSoon);
  usual_ = seconds;
  if (++waited_ < wait_ || seconds > kLongStep) return;
  waited_ = 0;
  wait_ = std::min(4 * wait_, kMostWait);
  back_to_ = threads_;
  threads_ = candidate();
}

int ThreadSearch::candidate() const {
  const bool fewer = threads_ == most_ || (fewer_ && threads_ > 1);
  return fewer ? std::max(threads_ / 2, 1) : std::min(2 * threads_, most_);
}

}  // namespace gradloom
