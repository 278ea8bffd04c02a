#include "binding/run_control.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/error.h"

namespace gradloom {

void RunControl::set_lockstep(bool on) {
  {
    const std::lock_guard guard(mutex_);
    lockstep_ = on;
  }
  changed_.notify_all();
}

void RunControl::delivered(uint64_t event) {
  {
    const std::lock_guard guard(mutex_);
    delivered_ = event;
  }
  changed_.notify_all();
}

void RunControl::acknowledge() {
  {
    const std::lock_guard guard(mutex_);
    acknowledged_ = delivered_;
  }
  changed_.notify_all();
}

void RunControl::wait_for_consumer(uint64_t event) {
  std::unique_lock guard(mutex_);
  changed_.wait(guard,
                [&] { return stopped_ || (lockstep_ ? acknowledged_ >= event : delivered_ + most_ahead_ >= event); });
}

void StreamParts::push(std::unique_ptr<HeldSamples> part) {
  {
    const std::lock_guard guard(mutex_);
    if (next_ != nullptr) throw Error("INVALID_ARGUMENT", "push: the part before was not taken yet");
    over_ |= part == nullptr;
    next_ = std::move(part);
  }
  changed_.notify_all();
}

std::optional<const ArraySamples*> StreamParts::take(double most_seconds) {
  constexpr double kLongest = 1e6;  // a clock's ticks overflow beyond; who asks asks again
  std::unique_lock guard(mutex_);
  const bool has_come = changed_.wait_for(guard, std::chrono::duration<double>(std::min(most_seconds, kLongest)),
                                          [&] { return over_ || next_ != nullptr; });
  if (!has_come) return std::nullopt;
  if (next_ == nullptr) return nullptr;
  if (current_ != nullptr) used_.push_back(std::move(current_));
  current_ = std::move(next_);
  return &current_->samples();
}

void StreamParts::drop_used() {
  std::vector<std::unique_ptr<HeldSamples>> used;
  {
    const std::lock_guard guard(mutex_);
    used.swap(used_);
  }
}

void StreamParts::stop() {
  {
    const std::lock_guard guard(mutex_);
    over_ = true;
  }
  changed_.notify_all();
}

void RunControl::stopped() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

void RunControl::set_paused(bool on) {
  {
    const std::lock_guard guard(mutex_);
    paused_ = on;
    if (on) asked_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_all();
}

void RunControl::ask(const RunRequests& requests) {
  const std::lock_guard guard(mutex_);
  requests_.snapshot |= requests.snapshot;
  requests_.keep_weights |= requests.keep_weights;
  if (requests.rate_scale) requests_.rate_scale = requests.rate_scale;
  asked_.store(true, std::memory_order_relaxed);
}

void RunControl::snapshot_done() { snapshots_in_flight_.fetch_sub(1); }

RunRequests RunControl::take_requests() {
  using Clock = std::chrono::steady_clock;
  if (!asked_.load(std::memory_order_relaxed)) return {};
  std::unique_lock guard(mutex_);
  const Clock::time_point start = Clock::now();
  const bool waits = paused_ && !stopped_;
  changed_.wait(guard, [&] { return stopped_ || !paused_; });
  RunRequests requests = std::exchange(requests_, {});
  if (waits) requests.paused = std::chrono::duration<double>(Clock::now() - start).count();
  asked_.store(false, std::memory_order_relaxed);
  return requests;
}

bool ProgressQueue::add(ProgressReport report) {
  const std::lock_guard guard(mutex_);
  reports_.push_back(std::move(report));
  if (reports_.size() > kMost) {
    reports_.pop_front();
    ++dropped_;
  }
  return !std::exchange(in_flight_, true);
}

std::deque<ProgressReport> ProgressQueue::take(uint64_t& dropped) {
  const std::lock_guard guard(mutex_);
  in_flight_ = false;
  dropped = dropped_;
  return std::exchange(reports_, {});
}

}  // namespace gradloom
