#include "common/fair_mutex.h"

namespace gradloom {

// A writer keeps its turn (`serving_`) until it unlocks; a reader passes it on as soon as it is in.

void FairSharedMutex::lock() {
  std::unique_lock guard(mutex_);
  const uint64_t ticket = next_ticket_++;
  changed_.wait(guard, [&] { return serving_ == ticket && readers_ == 0; });
}

void FairSharedMutex::unlock() {
  bool waiting = false;
  {
    std::lock_guard guard(mutex_);
    ++serving_;
    waiting = next_ticket_ != serving_;
  }
  if (waiting) changed_.notify_all();
}

void FairSharedMutex::lock_shared() {
  bool waiting = false;
  {
    std::unique_lock guard(mutex_);
    const uint64_t ticket = next_ticket_++;
    changed_.wait(guard, [&] { return serving_ == ticket; });
    ++serving_;
    ++readers_;
    waiting = next_ticket_ != serving_;
  }
  if (waiting) changed_.notify_all();
}

void FairSharedMutex::unlock_shared() {
  bool waiting = false;
  {
    std::lock_guard guard(mutex_);
    --readers_;
    waiting = next_ticket_ != serving_;
  }
  if (waiting) changed_.notify_all();
}

}  // namespace gradloom
