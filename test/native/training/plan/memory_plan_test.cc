#include "training/plan/memory_plan.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "common/aligned_buffer.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kLine = kCacheLine / static_cast<int64_t>(sizeof(float));

int64_t rounded(int64_t size) { return (size + kLine - 1) / kLine * kLine; }

bool alive_at_once(const BufferRequest& a, const BufferRequest& b) { return a.first <= b.last && b.first <= a.last; }

}  // namespace

TEST_CASE("place_buffers: buffers alive at once never overlap, over 3,000 random plans") {
  RandomData random(501);
  for (int trial = 0; trial < 3000; ++trial) {
    std::vector<BufferRequest> requests(static_cast<size_t>(random.integer(0, 30)));
    for (BufferRequest& request : requests) {
      request.size = random.pick({int64_t{0}, int64_t{1}, kLine, kLine + 1, random.integer(0, 5000)});
      request.first = static_cast<int>(random.integer(0, 12));
      request.last = request.first + static_cast<int>(random.integer(0, 6));
    }
    const MemoryPlan plan = place_buffers(requests);
    REQUIRE(plan.offsets.size() == requests.size());
    int64_t total = 0;
    bool right = true;
    for (size_t i = 0; i < requests.size(); ++i) {
      total += rounded(requests[i].size);
      right = right && plan.offsets[i] >= 0 && plan.offsets[i] % kLine == 0 &&
              plan.offsets[i] + requests[i].size <= plan.size;
      for (size_t j = 0; j < i; ++j) {
        const bool apart = plan.offsets[i] + requests[i].size <= plan.offsets[j] ||
                           plan.offsets[j] + requests[j].size <= plan.offsets[i];
        const bool empty = requests[i].size == 0 || requests[j].size == 0;
        right = right && (apart || empty || !alive_at_once(requests[i], requests[j]));
      }
    }
    // No plan can be smaller than what is alive at one moment.
    int64_t least = 0;
    for (int time = 0; time <= 18; ++time) {
      int64_t alive = 0;
      for (const BufferRequest& r : requests) alive += r.first <= time && time <= r.last ? rounded(r.size) : 0;
      least = std::max(least, alive);
    }
    CAPTURE(trial);
    CHECK(right);
    CHECK(plan.unshared_size == total);
    CHECK(plan.size <= total);
    CHECK(plan.size >= least);
  }
}

TEST_CASE("place_buffers: what lives one after another shares its memory") {
  const MemoryPlan plan = place_buffers({{1000, 0, 1}, {1000, 2, 3}, {0, 0, 9}, {16, 1, 2}});
  CHECK(plan.offsets[0] == plan.offsets[1]);
  CHECK(plan.size == rounded(1000) + 16);
  CHECK(plan.unshared_size == 2 * rounded(1000) + 16);
  CHECK(place_buffers({}).size == 0);
  CHECK(place_buffers({{0, 0, 0}}).size == 0);
}
