// Threads: 1, 2, 3 and 8.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/error.h"
#include "common/parallel.h"

using namespace gradloom;

namespace {

// What a job throws: its index, and how many of these there are.
class JobError {
 public:
  explicit JobError(int64_t index) : index_(index) { live_.fetch_add(1); }
  JobError(const JobError& other) : index_(other.index_) { live_.fetch_add(1); }
  JobError& operator=(const JobError&) = delete;
  ~JobError() { live_.fetch_sub(1); }

  int64_t index() const { return index_; }
  static int live() { return live_.load(); }

 private:
  int64_t index_;
  static inline std::atomic<int> live_{0};
};

// The index whose job's error a round throws on, or -1; jobs whose index `throws` says throw. Checks that no job runs
// any more behind the round and that those before the first one that throws have been done, each job at most once.
template <class Throws>
int64_t index_thrown_on(Team& team, int64_t count, Throws throws) {
  std::atomic<int> inside{0};
  std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
  int64_t thrown = -1;
  try {
    team.for_each(count, [&](int64_t index, int) {
      inside.fetch_add(1);
      visits[static_cast<size_t>(index)].fetch_add(1);
      if (index % 5 == 0) std::this_thread::yield();
      inside.fetch_sub(1);
      if (throws(index)) throw JobError(index);
    });
  } catch (const JobError& error) {
    thrown = error.index();
  }
  CHECK(inside.load() == 0);
  const auto before = visits.begin() + (thrown < 0 ? count : thrown + 1);
  CHECK(std::all_of(visits.begin(), before, [](const auto& n) { return n.load() == 1; }));
  CHECK(std::all_of(before, visits.end(), [](const auto& n) { return n.load() <= 1; }));
  return thrown;
}

// Rounds of which every second one throws, at each of some indices.
void check_rounds_that_throw(Team& team) {
  for (const int64_t count : {1, 2, 3, 8, 50}) {
    CAPTURE(count);
    for (int repeat = 0; repeat < 40; ++repeat) {
      for (const int64_t failing : {int64_t{0}, count / 2, count - 1}) {
        CHECK(index_thrown_on(team, count, [&](int64_t index) { return index == failing; }) == failing);
        CHECK(JobError::live() == 0);
        CHECK(index_thrown_on(team, count, [](int64_t) { return false; }) == -1);
      }
    }
  }
}

}  // namespace

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

TEST_CASE("Team: those that take part change from round to round; no job on the thread number of another") {
  for (const int threads : {2, 3, 8}) {
    CAPTURE(threads);
    std::atomic<int> strangers{0};
    int64_t wrong = 0;
    Team::run(threads, [&](Team& team) {
      std::vector<int64_t> counts(static_cast<size_t>(threads) * 8);  // a line each
      int64_t expected = 0;
      for (int round = 0; round < 6000; ++round) {
        const int size = 1 + round * 7 % threads;
        team.resize(size);
        wrong += team.size() != size;
        // Now and then those that wait fall asleep.
        if (round % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        team.for_each(1 + round % 11, [&](int64_t, int thread) {
          if (thread >= size) strangers.fetch_add(1);
          ++counts[static_cast<size_t>(thread) * 8];
        });
        expected += 1 + round % 11;
      }
      int64_t done = 0;
      for (const int64_t count : counts) done += count;
      CHECK(done == expected);
      team.resize(0);
      CHECK(team.size() == 1);
      team.resize(threads + 5);
      CHECK(team.size() == threads);
    });
    CHECK(strangers.load() == 0);
    CHECK(wrong == 0);
  }
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

TEST_CASE("Team: what a job throws is thrown on by its round, once no job runs; the next round is as any") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    Team::run(threads, [](Team& team) { check_rounds_that_throw(team); });
  }
}

TEST_CASE("Team: of several jobs that throw the one of the lowest index counts, on any number of threads") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    Team::run(threads, [](Team& team) {
      for (int round = 0; round < 300; ++round) {
        const int64_t first = round % 40;
        CHECK(index_thrown_on(team, 40, [&](int64_t index) { return index >= first; }) == first);
        CHECK(index_thrown_on(team, 40, [&](int64_t index) { return index == 39 || index == first; }) == first);
      }
    });
    CHECK(JobError::live() == 0);
  }
}

TEST_CASE("Team: what a job throws ends a run whose body lets it through; the next run works") {
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    for (int run = 0; run < 100; ++run) {
      bool went_on = false;
      CHECK_THROWS_WITH_AS(Team::run(threads,
                                     [&](Team& team) {
                                       team.for_each(9, [&](int64_t index, int) {
                                         if (index == run % 9) throw std::runtime_error(std::to_string(index));
                                       });
                                       went_on = true;
                                     }),
                           std::to_string(run % 9).c_str(), std::runtime_error);
      CHECK(!went_on);
      std::atomic<int> done{0};
      Team::run(threads, [&](Team& team) { team.for_each(9, [&](int64_t, int) { done.fetch_add(1); }); });
      CHECK(done.load() == 9);
    }
  }
}

TEST_CASE("Team: what a job of a run inside of a job throws reaches the outer round") {
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    Team::run(threads, [](Team& team) {
      for (int64_t failing = 0; failing < 6; ++failing) {
        int64_t thrown = -1;
        try {
          team.for_each(6, [&](int64_t outer, int) {
            Team::run(1, [&](Team& alone) {
              alone.for_each(4, [&](int64_t index, int) {
                if (outer == failing && index == 3) throw JobError(outer);
              });
            });
          });
        } catch (const JobError& error) {
          thrown = error.index();
        }
        CHECK(thrown == failing);
      }
    });
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

TEST_CASE("StandingTeam: what a job throws is thrown on by its round and by its call; the next ones are as any") {
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    StandingTeam standing(threads);
    for (int call = 0; call < 5; ++call) {
      standing.run([](Team& team) { check_rounds_that_throw(team); });
      CHECK_THROWS_AS(standing.run([&](Team& team) {
        team.for_each(20, [&](int64_t index, int) {
          if (index == call) throw std::runtime_error("stopped");
        });
      }),
                      std::runtime_error);
    }
  }
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
