#include "common/bus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace gradloom {
namespace {

// A handler belongs to the process, and so does what it reads. It may take no lock: ranges are put in front of the list
// and never freed, only used again, so their number is that of the most guards that ever lived at once.
std::atomic<BusGuard::Range*> ranges{nullptr};
std::mutex writers;
struct sigaction previous {};
uintptr_t page_size = 0;

// Whoever reads a range has it mapped, so the guard of an address that faults does not go away meanwhile. Another one
// may be on its way in or out: its beginning is written last and erased first, and looked at twice.
BusGuard::Range* find(uintptr_t address) {
  for (BusGuard::Range* range = ranges.load(std::memory_order_acquire); range != nullptr; range = range->next) {
    const uintptr_t begin = range->begin.load(std::memory_order_acquire);
    const uintptr_t end = range->end.load(std::memory_order_acquire);
    if (begin != 0 && begin <= address && address < end && range->begin.load(std::memory_order_acquire) == begin) {
      return range;
    }
  }
  return nullptr;
}

// Zeros from the page of the address to the end of the range. mmap is a plain system call here.
bool replace(uintptr_t address) {
  BusGuard::Range* range = find(address);
  if (range == nullptr) return false;
  const uintptr_t page = address & ~(page_size - 1);
  void* zeros = mmap(reinterpret_cast<void*>(page), range->end.load(std::memory_order_acquire) - page, PROT_READ,
                     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return false;
  range->hit.store(true, std::memory_order_release);
  return true;
}

void pass_on(int number, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(number);
  } else {
    // A fault comes again as soon as we return; a signal that somebody has sent does not.
    sigaction(number, &previous, nullptr);
    if (info->si_code <= 0) raise(number);
  }
}

void on_bus_error(int number, siginfo_t* info, void* context) {
  const int error = errno;
  const bool ours = info->si_code == BUS_ADRERR && replace(reinterpret_cast<uintptr_t>(info->si_addr));
  if (!ours) pass_on(number, info, context);
  errno = error;
}

// Once, and for good: a handler that came later and passes on to ours would otherwise be passed on to in turn, for
// ever.
void install() {
  if (page_size != 0) return;
  page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  sigaction(SIGBUS, nullptr, &previous);
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

BusGuard::Range* unused_range() {
  for (BusGuard::Range* range = ranges.load(std::memory_order_relaxed); range != nullptr; range = range->next) {
    if (range->begin.load(std::memory_order_relaxed) == 0) return range;
  }
  auto* range = new BusGuard::Range;
  range->next = ranges.load(std::memory_order_relaxed);
  ranges.store(range, std::memory_order_release);
  return range;
}

}  // namespace

BusGuard::BusGuard(const void* begin, size_t bytes) {
  const std::lock_guard guard(writers);
  install();
  range_ = unused_range();
  range_->hit.store(false, std::memory_order_relaxed);
  range_->end.store(reinterpret_cast<uintptr_t>(begin) + bytes, std::memory_order_release);
  range_->begin.store(reinterpret_cast<uintptr_t>(begin), std::memory_order_release);
}

BusGuard::~BusGuard() {
  const std::lock_guard guard(writers);
  range_->begin.store(0, std::memory_order_release);
}

}  // namespace gradloom
