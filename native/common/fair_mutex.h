// Locks that serve in order of arrival. A training thread unlocks and locks again thousands of times a second; with a
// plain mutex it would starve whoever waits for a step's boundary.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace gradloom {

// Readers share, a writer is alone; nobody overtakes. Usable with std::unique_lock and std::shared_lock.
class FairSharedMutex {
 public:
  void lock();
  void unlock();
  void lock_shared();
  void unlock_shared();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ticket_ = 0;
  uint64_t serving_ = 0;
  int64_t readers_ = 0;
};

}  // namespace gradloom
