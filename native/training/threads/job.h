// Work on a thread of its own: a training run, a prediction, an evaluation. Not libuv's pool, whose jobs cannot be
// stopped and keep file system calls waiting.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace gradloom {

class Job {
 public:
  using Work = std::function<void(const std::atomic<bool>& stop)>;

  // Starts `work`, which must not throw and should return soon after `stop` is set. `wake` is called once stop is set,
  // from the stopping thread, for work that waits for something else. Throws OUT_OF_MEMORY when there is no thread to
  // be had.
  static std::shared_ptr<Job> start(Work work, std::function<void()> wake = {});

  // Stops and joins.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void stop();
  void join();

  // Threads of jobs that have not ended.
  static int live_count();

 private:
  Job(std::function<void()> wake) : wake_(std::move(wake)) {}

  std::atomic<bool> stop_{false};
  std::function<void()> wake_;
  std::thread thread_;
};

}  // namespace gradloom
