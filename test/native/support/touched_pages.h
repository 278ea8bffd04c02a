// Which pages of some memory a stretch of code reads or writes: they are closed, and a fault opens one and notes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>

namespace gradloom::test {

inline constexpr int64_t kPage = 4096;

class TouchedPages {
 public:
  // Of the pages that lie in [data, data + count) as a whole. No two at once may watch the same.
  TouchedPages(const float* data, int64_t count);
  ~TouchedPages();
  TouchedPages(const TouchedPages&) = delete;
  TouchedPages& operator=(const TouchedPages&) = delete;

  // Addresses, divided by kPage, from the construction on.
  std::set<int64_t> touched() const;
  // The watched ones among those of [data, data + count).
  std::set<int64_t> pages_of(const float* data, int64_t count) const;

  // For the handler: opens a page and notes it; false for one that is not watched.
  bool open(int64_t page);

 private:
  int64_t first_;
  int64_t count_;
  std::unique_ptr<std::atomic<bool>[]> noted_;
};

}  // namespace gradloom::test
