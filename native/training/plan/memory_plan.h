// Places buffers in one workspace by their lifetimes: two buffers share memory when they are never needed at once.
#pragma once

#include <cstdint>
#include <vector>

namespace gradloom {

// A buffer needed from time `first` to time `last`, both included; times are positions in the order of operations.
struct BufferRequest {
  int64_t size;  // floats; 0 takes no memory
  int first;
  int last;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // of each request in the workspace, in floats, aligned to cache lines
  int64_t size = 0;              // of the workspace
  int64_t unshared_size = 0;     // what it would be if nothing were shared
};

// Largest first, each at the lowest place where it meets no buffer that lives at the same time.
MemoryPlan place_buffers(const std::vector<BufferRequest>& requests);

}  // namespace gradloom
