#include "common/aligned_buffer.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <new>
#include <string>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {
namespace {

std::atomic<int64_t> allocated{0};
thread_local MemoryTally* tally = nullptr;

// From this size on a buffer starts at a huge page, if the system offers them: fewer TLB misses in long sweeps.
constexpr int64_t kHugePage = int64_t{2} << 20;

// From this size on memory comes from the system, whose pages are zero: nobody waits for them before they are used.
// Below, a heap that has had the memory before is faster.
constexpr int64_t kMapped = int64_t{32} << 20;

int64_t alignment_of(int64_t bytes) { return bytes >= kHugePage ? kHugePage : kCacheLine; }

int64_t mapped_bytes(int64_t bytes) { return round_up(bytes, kHugePage); }

void* map(int64_t bytes) {
  const auto size = static_cast<size_t>(mapped_bytes(bytes));
  const auto spare = static_cast<size_t>(kHugePage);
  void* memory = mmap(nullptr, size + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* start = static_cast<char*>(memory);
  const size_t before = (spare - reinterpret_cast<uintptr_t>(start) % spare) % spare;
  if (before > 0) munmap(start, before);
  munmap(start + before + size, spare - before);
  return start + before;
}

}  // namespace

MemoryTally::MemoryTally() : outer_(std::exchange(tally, this)) {}

MemoryTally::~MemoryTally() { tally = outer_; }

AlignedBuffer::AlignedBuffer(int64_t count) {
  if (count == 0) return;
  const int64_t bytes = checked_multiply(count, sizeof(float));
  if (tally != nullptr) {
    tally->bytes_ += bytes;
    count_ = count;
    return;
  }
  const bool mapped = bytes >= kMapped;
  const auto alignment = std::align_val_t(alignment_of(bytes));
  void* memory = mapped ? map(bytes) : ::operator new(static_cast<size_t>(bytes), alignment, std::nothrow);
  if (memory == nullptr) {
    throw Error("OUT_OF_MEMORY", "could not allocate " + std::to_string(bytes) + " bytes");
  }
  if (bytes >= kHugePage) madvise(memory, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  if (!mapped) std::memset(memory, 0, static_cast<size_t>(bytes));
  data_ = static_cast<float*>(memory);
  count_ = count;
  allocated.fetch_add(bytes, std::memory_order_relaxed);
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ == nullptr) return;
  allocated.fetch_sub(bytes(), std::memory_order_relaxed);
  if (bytes() >= kMapped) {
    munmap(data_, static_cast<size_t>(mapped_bytes(bytes())));
  } else {
    ::operator delete(data_, std::align_val_t(alignment_of(bytes())));
  }
}

int64_t AlignedBuffer::allocated_bytes() { return allocated.load(std::memory_order_relaxed); }

}  // namespace gradloom
