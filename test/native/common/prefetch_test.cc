#include "common/prefetch.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace gradloom;

TEST_CASE("LinesAhead: every line of all spans once, in order, never more at a time than asked for") {
  const std::vector<std::byte> memory(10 * Lines::kBytes);
  const ByteSpan all(memory);
  const ByteSpan first = all.first(2 * Lines::kBytes + 1);
  const ByteSpan last = all.subspan(5 * Lines::kBytes + 7, 4 * Lines::kBytes);
  const std::vector<ByteSpan> spans = {ByteSpan(), first, ByteSpan(), last, ByteSpan()};
  for (const int64_t most : {1, 2, 3, 100}) {
    CAPTURE(most);
    LinesAhead ahead(spans);
    std::vector<const std::byte*> called;
    for (Lines lines = ahead.take(most); lines.count > 0; lines = ahead.take(most)) {
      CHECK(lines.count <= most);
      for (int64_t line = 0; line < lines.count; ++line) called.push_back(lines.at(line));
    }
    const std::byte* const a = first.data();
    const std::byte* const b = last.data();
    CHECK(called == std::vector<const std::byte*>{a, a + 64, a + 128, b, b + 64, b + 128, b + 192});
    CHECK(ahead.take(most).count == 0);
  }
  CHECK(LinesAhead({}).take(5).count == 0);
}
