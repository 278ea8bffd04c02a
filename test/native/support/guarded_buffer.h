// Memory that tells when something was written beside it, and that starts as NaN so that a read before the
// first write shows in the results.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace gradloom::test {

class GuardedBuffer {
 public:
  // `misalignment`: floats between a 64-byte boundary of the allocation and the first element.
  explicit GuardedBuffer(int64_t count, int64_t misalignment = 0)
      : memory_(static_cast<size_t>(count + 2 * kGuard + kLine + misalignment), kGuardValue), count_(count) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data() + kGuard);
    first_ = kGuard +
             static_cast<int64_t>((kLine * sizeof(float) - address % (kLine * sizeof(float))) / sizeof(float)) % kLine +
             misalignment;
    for (float& value : span()) value = std::numeric_limits<float>::quiet_NaN();
  }
  GuardedBuffer(const std::vector<float>& values, int64_t misalignment = 0)
      : GuardedBuffer(static_cast<int64_t>(values.size()), misalignment) {
    for (size_t i = 0; i < values.size(); ++i) data()[i] = values[i];
  }

  float* data() { return memory_.data() + first_; }
  std::span<float> span() { return {data(), static_cast<size_t>(count_)}; }
  std::vector<float> values() { return {data(), data() + count_}; }

  // Nothing beside the elements was written.
  bool intact() const {
    for (int64_t i = 0; i < static_cast<int64_t>(memory_.size()); ++i) {
      if ((i < first_ || i >= first_ + count_) && memory_[static_cast<size_t>(i)] != kGuardValue) return false;
    }
    return true;
  }

 private:
  static constexpr int64_t kLine = 16;
  static constexpr int64_t kGuard = 64;
  static constexpr float kGuardValue = -12345.0F;

  std::vector<float> memory_;
  int64_t count_;
  int64_t first_ = 0;
};

}  // namespace gradloom::test
