#include "common/aligned_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "common/checked.h"
#include "support/specs.h"

using namespace gradloom;

TEST_CASE("AlignedBuffer: aligned, zeroed and counted") {
  const int64_t before = AlignedBuffer::allocated_bytes();
  for (const int64_t count : {1, 15, 16, 17, 1000, (1 << 19) - 1, 1 << 19, (1 << 19) + 1, 1 << 23, (1 << 23) + 5}) {
    CAPTURE(count);
    {
      AlignedBuffer buffer(count);
      CHECK(buffer.size() == count);
      CHECK(buffer.bytes() == 4 * count);
      CHECK(reinterpret_cast<uintptr_t>(buffer.data()) % kCacheLine == 0);
      if (buffer.bytes() >= 2 << 20) CHECK(reinterpret_cast<uintptr_t>(buffer.data()) % (2 << 20) == 0);
      CHECK(std::all_of(buffer.span().begin(), buffer.span().end(), [](float v) { return v == 0; }));
      CHECK(AlignedBuffer::allocated_bytes() == before + 4 * count);
      std::fill(buffer.span().begin(), buffer.span().end(),
                1.0F);  // so that the next one of this size is not fresh
    }
    CHECK(AlignedBuffer::allocated_bytes() == before);
  }
}

TEST_CASE("AlignedBuffer: moves hand the memory over") {
  const int64_t before = AlignedBuffer::allocated_bytes();
  {
    AlignedBuffer a(10);
    a.data()[3] = 7;
    AlignedBuffer b(std::move(a));
    CHECK(b.data()[3] == 7);
    AlignedBuffer c(20);
    c = std::move(b);
    CHECK(c.size() == 10);
    CHECK(c.data()[3] == 7);
    const AlignedBuffer empty(0);
    CHECK(empty.data() == nullptr);
    CHECK(empty.span().empty());
  }
  CHECK(AlignedBuffer::allocated_bytes() == before);
}

TEST_CASE("AlignedBuffer: out of memory is an error with the number of bytes, and counts nothing") {
  const int64_t before = AlignedBuffer::allocated_bytes();
  // 2^48 bytes: the largest size that is not refused outright, above what x86-64 and arm64 processes can
  // address.
  CHECK(test::error_of([] { AlignedBuffer buffer(kMaxElements / 4); }) ==
        "OUT_OF_MEMORY: could not allocate 281474976710656 bytes");
  CHECK(test::contains(test::error_of([] { AlignedBuffer buffer(kMaxElements); }), "SHAPE_TOO_LARGE"));
  CHECK(test::contains(test::error_of([] { AlignedBuffer buffer(-1); }), "SHAPE_TOO_LARGE"));
  CHECK(AlignedBuffer::allocated_bytes() == before);
}

TEST_CASE("MemoryTally: buffers of its thread have their size and no memory") {
  const int64_t before = AlignedBuffer::allocated_bytes();
  {
    const MemoryTally outer;
    const AlignedBuffer a(10);
    CHECK(a.size() == 10);
    CHECK(a.data() == nullptr);
    {
      const MemoryTally inner;
      const AlignedBuffer b(kMaxElements / 4);
      CHECK(inner.bytes() == kMaxElements);
    }
    AlignedBuffer c(7);
    c = AlignedBuffer(5);
    CHECK(outer.bytes() == 4 * (10 + 7 + 5));
    std::thread([] { CHECK(AlignedBuffer(3).data() != nullptr); }).join();
  }
  CHECK(AlignedBuffer::allocated_bytes() == before);
  CHECK(AlignedBuffer(3).data() != nullptr);
}
