#include "training/threads/thread_search.h"

#include <algorithm>
#include <span>

namespace gradloom {
namespace {

constexpr double kLongStep = 20e-3;
// A trial need not be ended to be given up.
constexpr double kHopeless = 1.4;
// Windows until more threads are tried again, at most: as soon as their late steps allow, for the other program may
// have ended.
constexpr int64_t kMostWaitOfFewer = 64;

// With steps that wait for a thread which the system has put aside for a time slice, but none beyond all measure.
double mean(std::span<const double> seconds, double median) {
  constexpr double kLongestOfMedians = 16;
  constexpr double kSlice = 4e-3;
  double sum = 0;
  for (const double each : seconds) sum += std::min(each, std::max(kLongestOfMedians * median, kSlice));
  return sum / static_cast<double>(seconds.size());
}

}  // namespace

void ThreadSearch::add_step(double seconds) {
  if (most_ == 1) return;
  seconds_[steps_++] = seconds;
  const bool hopeless = back_to_ != 0 && steps_ == kSettling && seconds > kHopeless * usual_;
  if (steps_ < seconds_.size() && !hopeless) return;
  steps_ = 0;
  if (hopeless) return end_trial(seconds, seconds);
  const std::span<double> measured = std::span(seconds_).subspan(kSettling);
  const auto middle = measured.begin() + kMeasured / 2;
  std::nth_element(measured.begin(), middle, measured.end());
  const double median = *middle;
  if (back_to_ == 0) return end_window(median);
  // Only more threads may come late.
  end_trial(threads_ < back_to_ || forgiven_ > 0 ? median : mean(measured, median),
            *std::max_element(measured.begin(), measured.end()));
}

void ThreadSearch::end_trial(double seconds, double longest) {
  // A gain is more than noise; an end of late steps is worth a loss.
  constexpr double kFaster = 0.95;
  constexpr double kEvener = 1.1;
  constexpr int64_t kBackAgain = 16;  // until the opposite is tried
  // Once, or losses would add up where steps come late on any number of threads.
  const bool ends_late = back_to_ == most_ && is_late() && forgiven_ == 0;
  if (seconds < (ends_late ? kEvener : kFaster) * usual_) {
    usual_ = seconds;
    wait_ = threads_ == 1 || threads_ == most_ ? std::min(kBackAgain, soon()) : 1;
    if (ends_late) wait_ = late_wait_ = std::clamp(2 * late_wait_, kBackAgain, kMostWaitOfFewer);
    late_ = 0;
    ended_late_ = ends_late;
  } else {
    wait_ = std::min(4 * wait_, most_wait(seconds, longest));
    threads_ = back_to_;
    fewer_ = !fewer_;
  }
  back_to_ = 0;
}

void ThreadSearch::end_window(double median) {
  // Steps that take so much longer or less than they did tell of a change.
  constexpr double kChange = 1.5;
  constexpr double kMemory = 8;  // windows
  constexpr int64_t kSoon = 2;
  const double of_all = forgiven_ > 0 ? median : mean(seconds_, median);
  const bool slower = median > kChange * usual_;
  const bool was_late = is_late();
  count_late(median);
  if (forgiven_ > 0) --forgiven_;
  if (ended_late_ && is_late()) return forgive();
  if (slower || (is_late() && !was_late)) wait_ = std::min(wait_, kSoon);
  const bool faster = kChange * of_all < usual_ && !is_late();
  usual_ = slower || faster ? of_all : usual_ + (of_all - usual_) / kMemory;
  if (++waited_ < wait_ || (median > kLongStep && threads_ == most_)) return;
  waited_ = 0;
  back_to_ = threads_;
  threads_ = candidate();
}

// Windows until the next trial behind one that led to nothing. More threads without late steps may be tried often where
// that loses a hundredth at most, for machines change within a second: virtual processors may share a core for a while.
int64_t ThreadSearch::most_wait(double seconds, double longest) const {
  constexpr int64_t kMostWait = 512;
  constexpr double kLoss = 0.01;
  if (back_to_ == most_) return kMostWait;
  if (threads_ < back_to_ || longest > kHopeless * usual_) return kMostWaitOfFewer;
  const auto paid_off = static_cast<int64_t>((seconds / usual_ - 1) / kLoss);
  return std::clamp(paid_off, soon(), kMostWaitOfFewer);
}

int64_t ThreadSearch::soon() const {
  constexpr double kSeconds = 0.15;
  constexpr double kFewest = 8;
  const double windows = kSeconds / (static_cast<double>(seconds_.size()) * usual_);
  return static_cast<int64_t>(std::clamp<double>(windows, kFewest, kMostWaitOfFewer));
}

// Steps come late without the threads that were given up, too, as on a machine that others share: it is not for these.
void ThreadSearch::forgive() {
  constexpr int64_t kForgiven = 512;  // windows
  threads_ = most_;
  usual_ = 0;
  late_ = 0;
  ended_late_ = false;
  forgiven_ = kForgiven;
}

void ThreadSearch::count_late(double median) {
  constexpr double kLate = 2.5;  // medians
  constexpr double kMemory = 32;
  const auto late = std::count_if(seconds_.begin(), seconds_.end(), [&](double each) { return each > kLate * median; });
  late_ += (static_cast<double>(late) / static_cast<double>(seconds_.size()) - late_) / kMemory;
}

bool ThreadSearch::is_late() const { return late_ > 0.01; }

int ThreadSearch::candidate() const {
  const bool fewer = threads_ == most_ || (fewer_ && threads_ > 1 && usual_ <= kLongStep);
  return fewer ? std::max(threads_ / 2, 1) : std::min(2 * threads_, most_);
}

ThreadSearch& ThreadSearches::search(int most, int64_t batch) {
  const auto is_for = [&](const ThreadSearch& each) { return each.is_for(most, batch); };
  auto found = std::find_if(recent_.begin(), recent_.end(), is_for);
  if (found == recent_.end()) *--found = ThreadSearch(most, batch);
  std::rotate(recent_.begin(), found, found + 1);
  return recent_.front();
}

}  // namespace gradloom
