// Software prefetching: lines of memory that are on their way to a cache before they are needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace gradloom {

// A line into L2, for rows at random addresses: those of several lines arrive in 25 to 55 % less time (Zen 4) than
// through L1, which has fewer buffers for misses. Never faults. Outside of HWY_NAMESPACE, so that it inlines into code
// for any target.
inline void prefetch_to_l2(const void* address) { __builtin_prefetch(address, 0, 2); }

// A line into L1 for this core to write: another core's copy of it goes.
inline void prefetch_to_write(const void* address) {
#if defined(__x86_64__)
  // Every 64-bit processor knows it, which compilers do not take for granted.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

// Of a table whose rows are read: whether L2 does not hold it, so that they are prefetched.
constexpr bool exceeds_l2(int64_t table_bytes) { return table_bytes > int64_t{1} << 20; }

// Of a table with what its optimizer keeps, whose rows are changed: whether they come from memory. Those of a smaller
// one are in a cache, perhaps in another core's.
constexpr bool exceeds_l3(int64_t bytes) { return bytes > int64_t{16} << 20; }

// body(line), line(address) for a line of a row that is changed soon, from memory or from a cache.
template <class Body>
auto with_prefetch(bool from_memory, Body body) {
  const auto to_l2 = [](const void* address) { prefetch_to_l2(address); };
  const auto to_write = [](const void* address) { prefetch_to_write(address); };
  return from_memory ? body(to_l2) : body(to_write);
}

// Rows of so many bytes, at random addresses, to have on their way at once: about 128 lines in all.
inline int64_t prefetch_distance(int64_t row_bytes) {
  constexpr int64_t kBytes = 128 * 64;
  return std::clamp<int64_t>(kBytes / std::max<int64_t>(row_bytes, 1), 4, 64);
}

// visit(address) for the lines of a row; beyond the first 32 the hardware prefetcher follows. As often for each row of
// a table, the last line perhaps twice, since no branch predictor foresees how many lines a row that begins anywhere
// touches.
template <class Visit>
void for_each_line(const void* row, int64_t bytes, Visit visit) {
  constexpr int64_t kLine = 64;
  constexpr int64_t kMostLines = 32;
  constexpr int64_t kOneFloat = 4;
  const auto* first = static_cast<const std::byte*>(row);
  const int64_t visited = std::min(bytes, kMostLines * kLine);
  for (int64_t at = 0; at < visited; at += kLine) visit(first + at);
  const bool whole_lines = (reinterpret_cast<uintptr_t>(row) | static_cast<uintptr_t>(visited)) % kLine == 0;
  if (!whole_lines && visited > kOneFloat) visit(first + visited - 1);
}

// Memory that is read soon, in this order: who computes meanwhile may prefetch it, line by line.
using ByteSpan = std::span<const std::byte>;
using Upcoming = std::span<const ByteSpan>;

// Lines side by side.
struct Lines {
  static constexpr int64_t kBytes = 64;

  const std::byte* first = nullptr;
  int64_t count = 0;

  const std::byte* at(int64_t line) const { return first + line * kBytes; }
};

// Prefetches lines evenly, over so many steps.
class PacedPrefetch {
 public:
  PacedPrefetch(const Lines& lines, int64_t steps)
      : lines_(lines), each_(steps == 0 ? 0 : (lines.count + steps - 1) / steps) {}

  void step() {
    const int64_t end = std::min(done_ + each_, lines_.count);
    for (; done_ < end; ++done_) prefetch_to_l2(lines_.at(done_));
  }

 private:
  const Lines lines_;
  const int64_t each_;
  int64_t done_ = 0;
};

// What of `upcoming` has not been prefetched yet.
class PrefetchQueue {
 public:
  explicit PrefetchQueue(Upcoming upcoming) : upcoming_(upcoming) {}

  Lines take(int64_t most) {
    while (rest_.empty()) {
      if (upcoming_.empty()) return {nullptr, 0};
      rest_ = upcoming_.front();
      upcoming_ = upcoming_.subspan(1);
    }
    const auto size = static_cast<int64_t>(rest_.size());
    const Lines lines{rest_.data(), std::min(most, (size + Lines::kBytes - 1) / Lines::kBytes)};
    rest_ = rest_.subspan(static_cast<size_t>(std::min(size, lines.count * Lines::kBytes)));
    return lines;
  }

 private:
  Upcoming upcoming_;
  ByteSpan rest_;
};

}  // namespace gradloom
