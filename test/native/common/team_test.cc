// Threads: 1, 2, 3 and 8.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "common/error.h"
#include "common/parallel.h"

using namespace gradloom;

TEST_CASE("Team: every index exactly once, on threads of the team") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    Team::run(threads, [&](Team& team) {
      CHECK(team.size() == threads);
      for (const int64_t count : {0, 1, 2, 3, 7, 8, 9, 1000}) {
        CAPTURE(count);
        std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
        std::atomic<bool> known_threads{true};
        team.for_each(count, [&](int64_t index, int thread) {
          visits[static_cast<size_t>(index)].fetch_add(1);
          if (thread < 0 || thread >= threads) known_threads.store(false);
        });
        CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& n) { return n.load() == 1; }));
        CHECK(known_threads.load());
      }
    });
  }
}

TEST_CASE("Team: no two jobs at once on one thread number, so that it may address scratch memory") {
  for (const int threads : {2, 3, 8}) {
    CAPTURE(threads);
    Team::run(threads, [&](Team& team) {
      std::vector<std::atomic<int>> inside(static_cast<size_t>(threads));
      std::atomic<bool> alone{true};
      team.for_each(500, [&](int64_t, int thread) {
        auto& mine = inside[static_cast<size_t>(thread)];
        if (mine.fetch_add(1) != 0) alone.store(false);
        std::this_thread::yield();
        mine.fetch_sub(1);
      });
      CHECK(alone.load());
    });
  }
}

TEST_CASE("Team: what a round wrote is seen by the next, over many rounds") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    std::vector<int> values(64, 0);
    Team::run(threads, [&](Team& team) {
      for (int round = 0; round < 2000; ++round) {
        team.for_each(64, [&](int64_t index, int) { ++values[static_cast<size_t>(index)]; });
      }
    });
    CHECK(std::all_of(values.begin(), values.end(), [](int v) { return v == 2000; }));
  }
}

TEST_CASE("Team: rounds of changing size that follow at once never mix") {
  struct alignas(64) Counter {
    int64_t small = 0;
    int64_t large = 0;
  };
  for (const int threads : {2, 3, 8}) {
    CAPTURE(threads);
    constexpr int kRounds = 10'000;
    std::vector<Counter> counters(static_cast<size_t>(threads));
    Team::run(threads, [&](Team& team) {
      for (int round = 0; round < kRounds; ++round) {
        team.for_each(2, [&](int64_t, int thread) { ++counters[static_cast<size_t>(thread)].small; });
        team.for_each(9, [&](int64_t, int thread) { ++counters[static_cast<size_t>(thread)].large; });
      }
    });
    int64_t small = 0;
    int64_t large = 0;
    for (const Counter& counter : counters) {
      small += counter.small;
      large += counter.large;
    }
    CHECK(small == 2 * kRounds);
    CHECK(large == 9 * kRounds);
  }
}

TEST_CASE("Team: threads that slept between two rounds come back") {
  Team::run(3, [](Team& team) {
    std::atomic<int> done{0};
    for (int round = 0; round < 5; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      team.for_each(3, [&](int64_t, int) { done.fetch_add(1); });
    }
    CHECK(done.load() == 15);
  });
}

TEST_CASE("Team: what the body throws is thrown on, before and after jobs") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    CHECK_THROWS_WITH_AS(Team::run(threads, [](Team&) { throw std::runtime_error("at once"); }), "at once",
                         std::runtime_error);
    std::atomic<int> done{0};
    CHECK_THROWS_WITH_AS(Team::run(threads,
                                   [&](Team& team) {
                                     team.for_each(10, [&](int64_t, int) { done.fetch_add(1); });
                                     throw std::runtime_error("later");
                                   }),
                         "later", std::runtime_error);
    CHECK(done.load() == 10);
  }
}

TEST_CASE("Team: runs one after another, and without jobs") {
  std::atomic<int> done{0};
  for (int run = 0; run < 100; ++run) {
    Team::run(1 + run % 3, [&](Team& team) {
      if (run % 2 == 0) team.for_each(5, [&](int64_t, int) { done.fetch_add(1); });
    });
  }
  CHECK(done.load() == 250);
}

TEST_CASE("Team: a dismissal right behind the last job reaches every thread") {
  // A thread that read the team's state in the wrong order slept for ever once in some thousands of runs.
  std::atomic<int> done{0};
  for (int run = 0; run < 5'000; ++run) {
    Team::run(2, [&](Team& team) { team.for_each(2, [&](int64_t, int) { done.fetch_add(1); }); });
  }
  CHECK(done.load() == 10'000);
}

TEST_CASE("Team: a run inside of another one's body, between its jobs") {
  std::atomic<int> inner{0};
  int outer = 0;
  Team::run(2, [&](Team& team) {
    team.for_each(4, [](int64_t, int) {});
    for (int i = 0; i < 3; ++i) {
      Team::run(2, [&](Team& nested) { nested.for_each(10, [&](int64_t, int) { inner.fetch_add(1); }); });
      team.for_each(1, [&](int64_t, int) { ++outer; });
    }
  });
  CHECK(inner.load() == 30);
  CHECK(outer == 3);
}

TEST_CASE("Team: runs on two threads of the user at once") {
  std::atomic<int> done{0};
  const auto work = [&] {
    Team::run(2, [&](Team& team) {
      for (int round = 0; round < 200; ++round) team.for_each(8, [&](int64_t, int) { done.fetch_add(1); });
    });
  };
  std::thread first(work);
  std::thread second(work);
  first.join();
  second.join();
  CHECK(done.load() == 3200);
}

TEST_CASE("Team: a forked child gets an error instead of a hang, the parent goes on") {
  Team::run(2, [](Team& team) { team.for_each(2, [](int64_t, int) {}); });
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      Team::run(2, [](Team&) {});
    } catch (const Error& error) {
      _exit(error.code() == "FORKED" ? 42 : 2);
    }
    _exit(1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
  int done = 0;
  Team::run(1, [&](Team& team) { team.for_each(3, [&](int64_t, int) { ++done; }); });
  CHECK(done == 3);
}

TEST_CASE("StandingTeam: every index exactly once in call after call, also after its threads went to sleep") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    StandingTeam standing(threads);
    std::vector<int> values(50, 0);
    for (int call = 0; call < 300; ++call) {
      if (call % 100 == 99) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      standing.run([&](Team& team) {
        CHECK(team.size() == threads);
        for (int round = 0; round < 3; ++round) {
          team.for_each(50, [&](int64_t index, int) { ++values[static_cast<size_t>(index)]; });
        }
      });
    }
    CHECK(std::all_of(values.begin(), values.end(), [](int value) { return value == 900; }));
  }
}

TEST_CASE("StandingTeam: what a call throws is thrown on, and the next call works; it may never be called") {
  StandingTeam idle(3);
  StandingTeam standing(2);
  CHECK_THROWS_AS(standing.run([](Team&) { throw std::runtime_error("stopped"); }), std::runtime_error);
  int64_t sum = 0;
  standing.run([&](Team& team) {
    std::atomic<int64_t> total{0};
    team.for_each(100, [&](int64_t index, int) { total.fetch_add(index); });
    sum = total.load();
  });
  CHECK(sum == 4950);
}

TEST_CASE(
    "SpareTeam: calls of several threads at once, each with every index exactly once; what one throws is its own") {
  SpareTeam spare;
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int call = 0; call < 50; ++call) {
        std::vector<std::atomic<int>> hits(97);
        const int threads = 1 + (caller + call) % 3;
        try {
          spare.run(threads, [&](Team& team) {
            if (team.size() != threads) ++wrong;
            team.for_each(97, [&](int64_t index, int) { ++hits[static_cast<size_t>(index)]; });
            if (call % 7 == 3) throw std::runtime_error("thrown");
          });
          if (call % 7 == 3) ++wrong;
        } catch (const std::runtime_error&) {
          if (call % 7 != 3) ++wrong;
        }
        for (const auto& hit : hits) wrong += hit.load() == 1 ? 0 : 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong.load() == 0);
}
