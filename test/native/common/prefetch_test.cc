#include "common/prefetch.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace gradloom;

TEST_CASE("PrefetchQueue: every line of all spans once, in order, never more at a time than asked for") {
  const std::vector<std::byte> memory(10 * Lines::kBytes);
  const ByteSpan all(memory);
  const ByteSpan first = all.first(2 * Lines::kBytes + 1);
  const ByteSpan last = all.subspan(5 * Lines::kBytes + 7, 4 * Lines::kBytes);
  const std::vector<ByteSpan> spans = {ByteSpan(), first, ByteSpan(), last, ByteSpan()};
  for (const int64_t most : {1, 2, 3, 100}) {
    CAPTURE(most);
    PrefetchQueue ahead(spans);
    std::vector<const std::byte*> prefetched;
    for (Lines lines = ahead.take(most); lines.count > 0; lines = ahead.take(most)) {
      CHECK(lines.count <= most);
      for (int64_t line = 0; line < lines.count; ++line) prefetched.push_back(lines.at(line));
    }
    const std::byte* const a = first.data();
    const std::byte* const b = last.data();
    CHECK(prefetched == std::vector<const std::byte*>{a, a + 64, a + 128, b, b + 64, b + 128, b + 192});
    CHECK(ahead.take(most).count == 0);
  }
  CHECK(PrefetchQueue({}).take(5).count == 0);
}

TEST_CASE(
    "rows: every line of a row in order, wherever it begins, the last one twice at most, of a long one the first 32") {
  const std::vector<std::byte> memory(64 * 64);
  const std::byte* line = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  using Offsets = std::vector<int64_t>;
  // Of the lines that addresses lie in.
  const auto visited = [&](int64_t begin, int64_t bytes) {
    Offsets offsets;
    for_each_line(line + begin, bytes, [&](const std::byte* at) { offsets.push_back((at - line) / 64 * 64); });
    return offsets;
  };
  const auto lines_of = [&](int64_t begin, int64_t bytes) {
    Offsets offsets = visited(begin, bytes);
    if (offsets.size() > 1 && offsets.back() == offsets[offsets.size() - 2]) offsets.pop_back();
    return offsets;
  };
  CHECK(visited(0, 4) == Offsets{0});
  CHECK(visited(60, 4) == Offsets{0});
  CHECK(visited(0, 128) == Offsets{0, 64});
  CHECK(lines_of(60, 8) == Offsets{0, 64});
  CHECK(lines_of(8, 28) == Offsets{0});
  CHECK(lines_of(60, 72) == Offsets{0, 64, 128});
  CHECK(lines_of(16, 400) == Offsets{0, 64, 128, 192, 256, 320, 384});
  CHECK(visited(64, 0).empty());
  const Offsets most = visited(128, 60 * 64);
  CHECK(most.size() == 32);
  CHECK(most.front() == 128);
  CHECK(most.back() == 128 + 31 * 64);
}

TEST_CASE("prefetch_distance: 128 lines of them, 4 at least and 64 at most") {
  CHECK(prefetch_distance(0) == 64);
  CHECK(prefetch_distance(28) == 64);
  CHECK(prefetch_distance(128) == 64);
  CHECK(prefetch_distance(256) == 32);
  CHECK(prefetch_distance(800) == 10);
  CHECK(prefetch_distance(4096) == 4);
  CHECK(prefetch_distance(1 << 20) == 4);
}
