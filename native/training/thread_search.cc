#include "training/thread_search.h"

#include <algorithm>

namespace gradloom {
namespace {

constexpr double kLongStep = 20e-3;

}  // namespace

void ThreadSearch::add_step(double seconds) {
  // A trial need not be ended to be given up.
  constexpr double kHopeless = 1.4;
  if (most_ == 1) return;
  seconds_[steps_++] = seconds;
  const bool hopeless = back_to_ != 0 && steps_ == kSettling && seconds > kHopeless * usual_;
  if (steps_ < seconds_.size() && !hopeless) return;
  steps_ = 0;
  if (hopeless) return end_trial(seconds);
  const auto middle = seconds_.begin() + kSettling + kMeasured / 2;
  std::nth_element(seconds_.begin() + kSettling, middle, seconds_.end());
  const double median = *middle;
  back_to_ != 0 ? end_trial(median) : end_window(median);
}

void ThreadSearch::end_trial(double seconds) {
  // A gain is more than noise.
  constexpr double kFaster = 0.95;
  constexpr int64_t kBackAgain = 16;  // until the opposite is tried
  if (seconds < kFaster * usual_) {
    usual_ = seconds;
    wait_ = threads_ == 1 || threads_ == most_ ? kBackAgain : 1;
  } else {
    threads_ = back_to_;
    fewer_ = !fewer_;
  }
  back_to_ = 0;
}

void ThreadSearch::end_window(double median) {
  // Steps that take so much longer or less than they did tell of a change.
  constexpr double kChange = 1.5;
  constexpr double kLongestOfMedians = 16;
  constexpr double kMemory = 8;  // windows
  constexpr int64_t kSoon = 2;
  constexpr int64_t kMostWait = 512;
  // The mean counts, so that steps do count which wait for a thread that the system has put aside.
  double sum = 0;
  for (const double seconds : seconds_) sum += std::min(seconds, kLongestOfMedians * median);
  const double mean = sum / static_cast<double>(seconds_.size());
  const bool slower = median > kChange * usual_;
  if (slower) wait_ = std::min(wait_, kSoon);
  usual_ = slower || kChange * mean < usual_ ? mean : usual_ + (mean - usual_) / kMemory;
  if (++waited_ < wait_ || (median > kLongStep && threads_ == most_)) return;
  waited_ = 0;
  wait_ = std::min(4 * wait_, kMostWait);
  back_to_ = threads_;
  threads_ = candidate();
}

int ThreadSearch::candidate() const {
  const bool fewer = threads_ == most_ || (fewer_ && threads_ > 1 && usual_ <= kLongStep);
  return fewer ? std::max(threads_ / 2, 1) : std::min(2 * threads_, most_);
}

}  // namespace gradloom
