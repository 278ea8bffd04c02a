// Memory of the core: aligned to cache lines, zeroed, counted. Nothing else in the core allocates tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace gradloom {

inline constexpr int64_t kCacheLine = 64;

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // `count` floats, all zero; without memory where a MemoryTally lives. Throws OUT_OF_MEMORY with the number of bytes.
  explicit AlignedBuffer(int64_t count);
  ~AlignedBuffer();

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  int64_t size() const { return count_; }
  int64_t bytes() const { return count_ * static_cast<int64_t>(sizeof(float)); }
  std::span<float> span() { return {data_, static_cast<size_t>(count_)}; }
  std::span<const float> span() const { return {data_, static_cast<size_t>(count_)}; }

  // Bytes held by all buffers of the process.
  static int64_t allocated_bytes();

 private:
  float* data_ = nullptr;
  int64_t count_ = 0;
};

// What something takes, found by making it: while a tally lives, the buffers made on its thread have their size and no
// memory. For what writes to no buffer when it is constructed.
class MemoryTally {
 public:
  MemoryTally();
  ~MemoryTally();
  MemoryTally(const MemoryTally&) = delete;
  MemoryTally& operator=(const MemoryTally&) = delete;

  // Of all buffers so far.
  int64_t bytes() const { return bytes_; }

 private:
  friend class AlignedBuffer;
  int64_t bytes_ = 0;
  MemoryTally* outer_;
};

}  // namespace gradloom
