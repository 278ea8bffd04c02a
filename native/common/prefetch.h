// Lines of memory that are on their way to a cache before they are needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace gradloom {

// A cache line is on its way to L2. So are called rows that lie anywhere in memory: those of several
// lines come in 25 to 55 % less time than to the first one (Zen 4), which has fewer places for lines under way, and
// where the hardware seems to follow such calls with lines behind the row. Never faults. Not for a target, so that it
// becomes part of what calls it.
inline void prefetch_far(const void* address) { __builtin_prefetch(address, 0, 2); }

// A cache line is on its way to L1 for this core to write: another core's copy of it goes.
inline void prefetch_to_write(const void* address) {
#if defined(__x86_64__)
  // Every 64-bit processor knows it, which compilers do not take for granted.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

// Whether rows of a table of so many bytes are called before they are read: L2 does not hold it.
constexpr bool reads_rows_far(int64_t table_bytes) { return table_bytes > int64_t{1} << 20; }

// Whether rows that are changed come from memory, by the bytes of a table with what its optimizer keeps. Those of a
// smaller one are in a cache, perhaps in another core's.
constexpr bool changes_rows_far(int64_t bytes) { return bytes > int64_t{16} << 20; }

// body(call), call(address) for a line of a row that is changed soon.
template <class Body>
auto calling_lines(bool far, Body body) {
  const auto from_memory = [](const void* address) { prefetch_far(address); };
  const auto from_caches = [](const void* address) { prefetch_to_write(address); };
  return far ? body(from_memory) : body(from_caches);
}

// How many rows of so many bytes, which lie anywhere, are on their way at once: about 128 lines in all.
inline int64_t rows_ahead(int64_t row_bytes) {
  constexpr int64_t kBytes = 128 * 64;
  return std::clamp<int64_t>(kBytes / std::max<int64_t>(row_bytes, 1), 4, 64);
}

// Calls call(address) for the lines of a row; beyond the first 32 the hardware follows by itself. As often for each row
// of a table, the last line perhaps twice, since no branch foresees how many lines a row that begins anywhere touches.
template <class Call>
void for_lines_of_row(const void* row, int64_t bytes, Call call) {
  constexpr int64_t kLine = 64;
  constexpr int64_t kMostLines = 32;
  constexpr int64_t kOneFloat = 4;
  const auto* first = static_cast<const std::byte*>(row);
  const int64_t called = std::min(bytes, kMostLines * kLine);
  for (int64_t at = 0; at < called; at += kLine) call(first + at);
  const bool whole_lines = (reinterpret_cast<uintptr_t>(row) | static_cast<uintptr_t>(called)) % kLine == 0;
  if (!whole_lines && called > kOneFloat) call(first + called - 1);
}

// Memory that is read soon, in this order: who computes meanwhile may call it into the cache, line by line.
using ByteSpan = std::span<const std::byte>;
using Upcoming = std::span<const ByteSpan>;

// Lines side by side.
struct Lines {
  static constexpr int64_t kBytes = 64;

  const std::byte* first = nullptr;
  int64_t count = 0;

  const std::byte* at(int64_t line) const { return first + line * kBytes; }
};

// Calls lines evenly, in so many turns.
class LinesByTurn {
 public:
  LinesByTurn(const Lines& lines, int64_t turns)
      : lines_(lines), each_(turns == 0 ? 0 : (lines.count + turns - 1) / turns) {}

  void turn() {
    const int64_t end = std::min(called_ + each_, lines_.count);
    for (; called_ < end; ++called_) prefetch_far(lines_.at(called_));
  }

 private:
  const Lines lines_;
  const int64_t each_;
  int64_t called_ = 0;
};

// What of `upcoming` has not been called yet.
class LinesAhead {
 public:
  explicit LinesAhead(Upcoming upcoming) : upcoming_(upcoming) {}

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
