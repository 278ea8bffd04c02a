#include "support/touched_pages.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

namespace gradloom::test {
namespace {

constexpr size_t kMostWatches = 8;
std::array<std::atomic<TouchedPages*>, kMostWatches> watches{};
size_t watch_count = 0;
struct sigaction before_watches;

int64_t page_of(const void* address) { return static_cast<int64_t>(reinterpret_cast<uintptr_t>(address) / kPage); }

void set_access(int64_t page, int64_t count, int access) {
  void* address = reinterpret_cast<void*>(static_cast<uintptr_t>(page * kPage));
  if (mprotect(address, static_cast<size_t>(count * kPage), access) != 0) std::abort();
}

void on_fault(int /*signal*/, siginfo_t* info, void* /*context*/) {
  for (auto& watch : watches) {
    TouchedPages* pages = watch.load();
    if (pages != nullptr && pages->open(page_of(info->si_addr))) return;
  }
  // A fault of another kind comes again, to whoever was there before.
  sigaction(SIGSEGV, &before_watches, nullptr);
}

}  // namespace

TouchedPages::TouchedPages(const float* data, int64_t count)
    : first_(page_of(reinterpret_cast<const char*>(data) + kPage - 1)),
      count_(std::max<int64_t>(0, page_of(data + count) - first_)),
      noted_(std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(count_))) {
  if (sysconf(_SC_PAGESIZE) != kPage || watch_count == kMostWatches) throw std::logic_error("cannot watch pages");
  if (watch_count++ == 0) {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &before_watches);
  }
  std::find_if(watches.begin(), watches.end(), [](auto& watch) { return watch.load() == nullptr; })->store(this);
  if (count_ > 0) set_access(first_, count_, PROT_NONE);
}

TouchedPages::~TouchedPages() {
  if (count_ > 0) set_access(first_, count_, PROT_READ | PROT_WRITE);
  std::find_if(watches.begin(), watches.end(), [this](auto& watch) { return watch.load() == this; })->store(nullptr);
  if (--watch_count == 0) sigaction(SIGSEGV, &before_watches, nullptr);
}

bool TouchedPages::open(int64_t page) {
  if (page < first_ || page >= first_ + count_) return false;
  noted_[static_cast<size_t>(page - first_)].store(true);
  set_access(page, 1, PROT_READ | PROT_WRITE);
  return true;
}

std::set<int64_t> TouchedPages::touched() const {
  std::set<int64_t> pages;
  for (int64_t i = 0; i < count_; ++i) {
    if (noted_[static_cast<size_t>(i)].load()) pages.insert(first_ + i);
  }
  return pages;
}

std::set<int64_t> TouchedPages::pages_of(const float* data, int64_t count) const {
  std::set<int64_t> pages;
  const int64_t end = std::min(first_ + count_ - 1, page_of(data + count - 1));
  for (int64_t page = std::max(first_, page_of(data)); page <= end; ++page) pages.insert(page);
  return pages;
}

}  // namespace gradloom::test
