// Threads: 3; times are made up.
#include "training/threads/thread_search.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <thread>
#include <vector>

#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

using TimeOf = std::function<double(int threads)>;

// Steps done by each number of threads.
std::vector<int> run_steps(ThreadSearch& search, int most, int steps, const TimeOf& time_of) {
  std::vector<int> done(static_cast<size_t>(most) + 1);
  for (int i = 0; i < steps; ++i) {
    ++done[static_cast<size_t>(search.threads())];
    search.add_step(time_of(search.threads()));
  }
  return done;
}

double quicker(int threads) { return 1e-4 / threads; }
double slower(int threads) { return 1e-4 * threads; }

}  // namespace

TEST_CASE("ThreadSearch: all threads where they are fastest, but for a hundredth of the steps") {
  for (const int most : {2, 3, 8}) {
    CAPTURE(most);
    ThreadSearch search(most, 32);
    CHECK(search.threads() == most);
    CHECK(run_steps(search, most, 10'000, quicker)[static_cast<size_t>(most)] > 9'900);
  }
}

TEST_CASE("ThreadSearch: one thread where others only take time, and back when that changes") {
  for (const int most : {2, 6, 16}) {
    CAPTURE(most);
    ThreadSearch search(most, 32);
    CHECK(run_steps(search, most, 10'000, slower)[1] > 9'800);
    CHECK(run_steps(search, most, 50'000, quicker)[static_cast<size_t>(most)] > 40'000);
    // Steps that take longer are a reason to look sooner.
    CHECK(run_steps(search, most, 1'000, slower)[1] > 700);
  }
}

TEST_CASE("ThreadSearch: a number between, from either side, in spite of noise") {
  RandomData random(131);
  // A fourth longer for each halving or doubling away from 4.
  const auto time_of = [&](int threads) {
    const double noise = 0.97 + 0.01 * static_cast<double>(random.integer(0, 6));
    const double steps_away = std::abs(std::log2(threads / 4.0));
    return 1e-4 * std::pow(1.25, steps_away) * noise * (random.integer(0, 20) == 0 ? 3.0 : 1.0);
  };
  ThreadSearch search(16, 32);
  CHECK(run_steps(search, 16, 20'000, time_of)[4] > 18'000);
  run_steps(search, 16, 2'000, slower);
  CHECK(search.threads() <= 2);
  CHECK(run_steps(search, 16, 50'000, time_of)[4] > 40'000);
}

TEST_CASE("ThreadSearch: gains within the noise change nothing, long steps are not tried, one thread is all there is") {
  ThreadSearch search(2, 32);
  CHECK(run_steps(search, 2, 10'000, [](int threads) { return threads == 1 ? 0.97e-4 : 1e-4; })[2] > 9'800);
  ThreadSearch of_long(2, 32);
  CHECK(run_steps(of_long, 2, 10'000, [](int threads) { return 25e-3 * threads; })[2] == 10'000);
  ThreadSearch of_one(1, 32);
  CHECK(run_steps(of_one, 1, 100, quicker)[1] == 100);
}

TEST_CASE("ThreadSearch: steps that have become long get all threads back") {
  ThreadSearch search(2, 32);
  run_steps(search, 2, 2'000, slower);
  CHECK(search.threads() == 1);
  CHECK(run_steps(search, 2, 20'000, [](int threads) { return threads == 1 ? 22e-3 : 13e-3; })[2] > 15'000);
}

// Virtual processors that share a core for a while, where one thread is somewhat faster.
TEST_CASE("ThreadSearch: steps of milliseconds get all threads back within a third of a second") {
  for (const double seconds : {2e-3, 4e-3}) {
    CAPTURE(seconds);
    ThreadSearch search(2, 32);
    run_steps(search, 2, 2'000, [&](int threads) { return threads == 1 ? seconds : 1.1 * seconds; });
    CHECK(search.threads() == 1);
    const auto steps = static_cast<int>(0.6 / seconds);
    CHECK(run_steps(search, 2, steps, [&](int threads) { return seconds / threads; })[2] > steps / 2);
  }
}

TEST_CASE("ThreadSearch: trials of more threads take a hundredth of the time, however little these lose") {
  for (const double seconds : {1e-4, 2e-3, 10e-3}) {
    for (const double loss : {1.07, 1.1, 1.2, 1.35, 1.39, 2.0}) {
      CAPTURE(seconds);
      CAPTURE(loss);
      ThreadSearch search(2, 32);
      const auto time_of = [&](int threads) { return threads == 1 ? seconds : loss * seconds; };
      run_steps(search, 2, 2'000, time_of);
      const std::vector<int> done = run_steps(search, 2, 20'000, time_of);
      CHECK(done[2] * (loss - 1) < 0.0125 * 20'000);
    }
  }
}

namespace {

// A processor that the second thread shares with a program that never waits: the system gives each of them slices of 3
// ms in turn, and who has slept the first one. Alone a step takes `seconds`, with the second thread half as long.
class SharedProcessor {
 public:
  explicit SharedProcessor(double seconds) : seconds_(seconds) {}

  double step(int threads) {
    constexpr double kSlice = 3e-3;
    if (threads == 1) {
      left_ = kSlice;
      return seconds_;
    }
    double time = seconds_ / 2;
    for (left_ -= time; left_ <= 0; left_ += kSlice) time += kSlice;
    return time;
  }

 private:
  double seconds_;
  double left_ = 0;
};

}  // namespace

TEST_CASE(
    "ThreadSearch: beside a program that takes a core less than a hundredth of the steps waits for a time slice") {
  for (const double seconds : {0.2e-3, 1e-3, 2e-3}) {
    CAPTURE(seconds);
    SharedProcessor shared(seconds);
    ThreadSearch search(2, 32);
    run_steps(search, 2, 200, [&](int threads) { return shared.step(threads); });
    int late = 0;
    run_steps(search, 2, 20'000, [&](int threads) {
      const double step = shared.step(threads);
      late += step > seconds ? 1 : 0;
      return step;
    });
    CHECK(late < 200);
    // Both again once it has ended.
    CHECK(run_steps(search, 2, 20'000, [&](int threads) { return seconds / threads; })[2] > 15'000);
  }
}

TEST_CASE("ThreadSearch: steps that come late on any number of threads are no reason to give some up") {
  RandomData random(133);
  for (const int most : {2, 4, 16}) {
    for (const double gain : {0.8, 0.92}) {
      for (const double late : {3.0, 10.0}) {
        CAPTURE(most);
        CAPTURE(gain);
        CAPTURE(late);
        ThreadSearch search(most, 32);
        const std::vector<int> done = run_steps(search, most, 50'000, [&](int threads) {
          const double noise = 0.97 + 0.01 * static_cast<double>(random.integer(0, 6));
          return 1e-3 * std::pow(gain, std::log2(threads)) * noise * (random.integer(0, 19) == 0 ? late : 1.0);
        });
        CHECK(done[static_cast<size_t>(most)] > 47'500);
      }
    }
  }
}

TEST_CASE("SearchedStep: resizes the team for its time; steps that do not count teach nothing") {
  Team::run(3, [](Team& team) {
    ThreadSearch search(3, 32);
    for (int i = 0; i < 100; ++i) {
      const SearchedStep step(search, team, false);
      CHECK(team.size() == 3);
      std::this_thread::sleep_for(std::chrono::microseconds(10 * (i % 2)));
    }
    run_steps(search, 3, 2'000, slower);
    {
      const SearchedStep step(search, team);
      CHECK(team.size() == 1);
    }
    CHECK(team.size() == 3);
  });
}

TEST_CASE("ThreadSearches: each of the last sizes goes on by itself") {
  ThreadSearches searches;
  for (int i = 0; i < 2'000; ++i) {
    for (const int64_t batch : {1, 64}) {
      ThreadSearch& search = searches.search(2, batch);
      REQUIRE(search.is_for(2, batch));
      search.add_step(batch == 1 ? slower(search.threads()) : quicker(search.threads()));
    }
  }
  CHECK(searches.search(2, 1).threads() == 1);
  CHECK(searches.search(2, 64).threads() == 2);
  CHECK(searches.search(3, 1).threads() == 3);
  for (int64_t batch = 100; batch < 107; ++batch) searches.search(2, batch);
  CHECK(searches.search(3, 1).threads() == 3);
  CHECK(searches.search(2, 1).threads() == 2);  // forgotten
}

TEST_CASE("ThreadSearch: is for a number of threads and a batch") {
  const ThreadSearch search(2, 32);
  CHECK(search.is_for(2, 32));
  CHECK(!search.is_for(3, 32));
  CHECK(!search.is_for(2, 31));
  CHECK(!ThreadSearch().is_for(2, 32));
  ThreadSearch going(2, 32);
  run_steps(going, 2, 2'000, slower);
  going.go_on_for(2, 32);
  CHECK(going.threads() == 1);
  going.go_on_for(2, 64);
  CHECK(going.threads() == 2);
  CHECK(going.batch() == 64);
}
