// What the handle of a run, its training thread and the event loop share: what was asked and what was seen, progress,
// and the parts of a stream.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "binding/convert.h"
#include "training/run/epoch_loop.h"

namespace gradloom {

// Epoch events are numbered from 1.
class RunControl {
 public:
  // Without lockstep the thread may be this many events ahead of the event loop; none where events hold all samples.
  static constexpr uint64_t kMostAhead = 1024;

  RunControl(bool lockstep, uint64_t most_ahead) : most_ahead_(most_ahead), lockstep_(lockstep) {}

  // On the JavaScript thread.
  void set_lockstep(bool on);
  void delivered(uint64_t event);
  void acknowledge();
  void set_paused(bool on);
  // For the next step's boundary; what was asked before stands.
  void ask(const RunRequests& requests);
  // Snapshots that were sent and are not yet done with hold further ones up, unless they are asked for.
  void snapshot_done();

  // On the training thread, after sending epoch event `event`: returns when the consumer has caught up, or once
  // stopped.
  void wait_for_consumer(uint64_t event);
  // What was asked, once the run is not paused, or stopped.
  RunRequests take_requests();
  void snapshot_sent() { snapshots_in_flight_.fetch_add(1); }
  bool snapshot_in_flight() const { return snapshots_in_flight_.load(std::memory_order_relaxed) > 0; }

  // From any thread.
  void stopped();

 private:
  const uint64_t most_ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool lockstep_;
  bool stopped_ = false;
  bool paused_ = false;
  uint64_t delivered_ = 0;
  uint64_t acknowledged_ = 0;
  RunRequests requests_;
  std::atomic<bool> asked_{false};  // whether the training thread has to look: something was asked, or it is paused
  std::atomic<int> snapshots_in_flight_{0};
};

// Progress on its way to the event loop. Where that is behind, the oldest reports are dropped.
class ProgressQueue {
 public:
  static constexpr size_t kMost = 256;

  // On the training thread: whether a call has to be sent that takes them.
  bool add(ProgressReport report);
  // On the JavaScript thread.
  std::deque<ProgressReport> take(uint64_t& dropped);

 private:
  std::mutex mutex_;
  std::deque<ProgressReport> reports_;
  bool in_flight_ = false;
  uint64_t dropped_ = 0;
};

// The parts of a stream on their way to the training thread, one at a time. They are made and dropped on the JavaScript
// thread, as they hold its values.
class StreamParts {
 public:
  // On the JavaScript thread. Null: there are no more.
  void push(std::unique_ptr<HeldSamples> part);
  void drop_used();

  // On the training thread: waits for the next part and takes it in place of the one before; null when there are no
  // more, or once stopped; nothing after `most_seconds`.
  std::optional<const ArraySamples*> take(double most_seconds);

  // From any thread.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<HeldSamples> next_, current_;
  std::vector<std::unique_ptr<HeldSamples>> used_;
  bool over_ = false;
};

}  // namespace gradloom
