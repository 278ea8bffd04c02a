#include "support/failing_new.h"

#include <atomic>
#include <cstdlib>

namespace gradloom::test {
namespace {

constexpr int64_t kNever = -1;

std::atomic<int64_t> live{0};
std::atomic<int64_t> next{0};        // the number of the next allocation
std::atomic<int64_t> first{kNever};  // to fail
std::atomic<bool> all_behind{false};
std::atomic<bool> failed{false};
std::atomic<bool> failed_elsewhere{false};
thread_local bool makes_fail = false;  // this thread

bool fails() {
  const int64_t wanted = first.load(std::memory_order_relaxed);
  if (wanted == kNever) return false;
  const int64_t number = next.fetch_add(1, std::memory_order_relaxed);
  const bool result = number == wanted || (number > wanted && all_behind.load(std::memory_order_relaxed));
  if (result) (makes_fail ? failed : failed_elsewhere).store(true);
  return result;
}

}  // namespace

FailingNew::FailingNew(int64_t nth, Failing failing) {
  next.store(1);
  failed.store(false);
  failed_elsewhere.store(false);
  makes_fail = true;
  all_behind.store(failing == Failing::kAllBehind);
  first.store(nth);
}

FailingNew::~FailingNew() {
  first.store(kNever);
  makes_fail = false;
}

bool FailingNew::has_failed() const { return failed.load() || failed_elsewhere.load(); }
bool FailingNew::has_failed_elsewhere() const { return failed_elsewhere.load(); }

int64_t live_allocations() { return live.load(); }

// Null where it is to fail, or the system gives none.
void* allocate(size_t size, size_t alignment) {
  if (fails()) return nullptr;
  const size_t wanted = size == 0 ? 1 : size;
  void* memory = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                     ? std::malloc(wanted)
                     : std::aligned_alloc(alignment, (wanted + alignment - 1) / alignment * alignment);
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* allocate_or_throw(size_t size, size_t alignment) {
  void* memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace gradloom::test

using gradloom::test::allocate;
using gradloom::test::allocate_or_throw;
using gradloom::test::release;

// The forms for arrays and for given sizes end in these.
void* operator new(size_t size) { return allocate_or_throw(size, 1); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { release(memory); }
