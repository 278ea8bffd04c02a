// Keeps the process alive when memory of a mapped file cannot be read any more, because the file was cut short or its
// disk fails: the system then sends SIGBUS, which ends a process. Within the range of a guard the handler puts zeros in
// the place of what is lost and takes note; any other SIGBUS goes to who handled it before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gradloom {

class BusGuard {
 public:
  // Of whole pages, mapped by the caller for as long as this lives and read by any thread.
  BusGuard(const void* begin, size_t bytes);
  ~BusGuard();
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  // Whether something was lost. Zeros that a thread has read are seen here by it at once.
  bool hit() const { return range_->hit.load(std::memory_order_acquire); }

  struct Range {
    std::atomic<uintptr_t> begin{0};  // 0: belongs to no guard
    std::atomic<uintptr_t> end{0};
    std::atomic<bool> hit{false};
    Range* next = nullptr;
  };

 private:
  Range* range_;
};

}  // namespace gradloom
