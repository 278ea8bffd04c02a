// Floats that several threads read and write at once, each by a relaxed atomic operation.
#pragma once

#include <atomic>
#include <cstdint>

namespace gradloom {

inline float load_relaxed(float& from) { return std::atomic_ref<float>(from).load(std::memory_order_relaxed); }
inline void store_relaxed(float value, float& to) {
  std::atomic_ref<float>(to).store(value, std::memory_order_relaxed);
}

inline void load_relaxed(float* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = load_relaxed(from[i]);
}
inline void store_relaxed(const float* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) store_relaxed(from[i], to[i]);
}

}  // namespace gradloom
