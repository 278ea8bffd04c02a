// A cache line is on its way, for this core to write: another core's copy of it goes. Never faults.
#pragma once

namespace gradloom {

inline void prefetch_to_write(const void* address) {
#if defined(__x86_64__)
  // Every 64-bit processor knows it, which compilers do not take for granted.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace gradloom
