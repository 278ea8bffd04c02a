#include "training/plan/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "common/aligned_buffer.h"
#include "common/checked.h"

namespace gradloom {

MemoryPlan place_buffers(const std::vector<BufferRequest>& requests) {
  constexpr int64_t kAlignment = kCacheLine / static_cast<int64_t>(sizeof(float));
  std::vector<size_t> by_size(requests.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return requests[a].size > requests[b].size; });

  MemoryPlan plan;
  plan.offsets.assign(requests.size(), 0);
  std::vector<size_t> placed;  // by offset
  for (const size_t index : by_size) {
    const BufferRequest& request = requests[index];
    const int64_t size = round_up(request.size, kAlignment);
    if (size == 0) continue;
    int64_t offset = 0;
    for (const size_t other : placed) {
      const bool at_once = requests[other].first <= request.last && request.first <= requests[other].last;
      const int64_t other_size = round_up(requests[other].size, kAlignment);
      if (at_once && plan.offsets[other] < offset + size) offset = std::max(offset, plan.offsets[other] + other_size);
    }
    plan.offsets[index] = offset;
    plan.size = std::max(plan.size, offset + size);
    plan.unshared_size += size;
    placed.insert(std::upper_bound(placed.begin(), placed.end(), index,
                                   [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  index);
  }
  return plan;
}

}  // namespace gradloom
