// Threads: 1 and 3.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "common/denormals.h"
#include "common/parallel.h"

using namespace gradloom;

namespace {

// Whether this thread takes denormals for zero, as operands and as results.
bool flushes() {
  volatile float least = std::numeric_limits<float>::denorm_min();
  volatile float normal = std::numeric_limits<float>::min();
  const float of_operand = least * 16777216.0f;
  const float of_result = normal * 0.5f;
  CHECK((of_operand == 0) == (of_result == 0));
  return of_operand == 0;
}

void check_team(Team& team) {
  CHECK(flushes());
  std::vector<char> flushed(64);
  team.for_each(64, [&](int64_t job, int) {
    flushed[static_cast<size_t>(job)] = flushes();
    std::this_thread::yield();
  });
  CHECK(std::count(flushed.begin(), flushed.end(), 1) == 64);
}

}  // namespace

TEST_CASE("DenormalScope: within one another, each ends with what was before") {
  CHECK(!flushes());
  {
    const DenormalScope flushed(Denormals::kFlushed);
    CHECK(flushes());
    {
      const DenormalScope kept(Denormals::kKept);
      CHECK(!flushes());
      { const DenormalScope again(Denormals::kFlushed); }
      CHECK(!flushes());
    }
    CHECK(flushes());
  }
  CHECK(!flushes());
}

TEST_CASE("Denormals count as zero in every job of a team and in its body, not behind it") {
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    Team::run(threads, check_team);
    CHECK(!flushes());
    CHECK_THROWS(Team::run(threads, [](Team&) { throw 1; }));
    CHECK(!flushes());
    StandingTeam standing(threads);
    for (int call = 0; call < 3; ++call) {
      standing.run(check_team);
      CHECK(!flushes());
    }
  }
}
