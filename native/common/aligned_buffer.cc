#include "common/aligned_buffer.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {
namespace {

std::atomic<int64_t> allocated{0};

// From this size on a buffer starts at a huge page, if the system offers them: fewer TLB misses in long sweeps.
constexpr int64_t kHugePage = int64_t{2} << 20;

}  // namespace

AlignedBuffer::AlignedBuffer(int64_t count) {
  if (count == 0) return;
  const int64_t bytes = checked_multiply(count, sizeof(float));
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  void* memory = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(round_up(bytes, alignment)));
  if (memory == nullptr) {
    throw Error("OUT_OF_MEMORY", "could not allocate " + std::to_string(bytes) + " bytes");
  }
  if (bytes >= kHugePage) madvise(memory, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  std::memset(memory, 0, static_cast<size_t>(bytes));
  data_ = static_cast<float*>(memory);
  count_ = count;
  allocated.fetch_add(bytes, std::memory_order_relaxed);
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ == nullptr) return;
  allocated.fetch_sub(bytes(), std::memory_order_relaxed);
  std::free(data_);
}

int64_t AlignedBuffer::allocated_bytes() { return allocated.load(std::memory_order_relaxed); }

}  // namespace gradloom
