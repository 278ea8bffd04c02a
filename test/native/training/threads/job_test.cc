// Threads: a few that wait.
#include "training/threads/job.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace gradloom;

namespace {

void wait_for(const std::atomic<bool>& flag) {
  while (!flag.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

TEST_CASE("Job: runs on a thread of its own until it is done") {
  const int before = Job::live_count();
  std::thread::id thread;
  const auto job = Job::start([&](const std::atomic<bool>&) { thread = std::this_thread::get_id(); });
  job->join();
  job->join();  // once is enough, twice does no harm
  CHECK(thread != std::this_thread::get_id());
  CHECK(Job::live_count() == before);
}

TEST_CASE("Job: stop sets the flag and wakes what waits for something else, once") {
  const int before = Job::live_count();
  std::atomic<bool> woken{false};
  std::atomic<int> wakes{0};
  const auto job = Job::start(
      [&](const std::atomic<bool>& stop) {
        wait_for(woken);
        wait_for(stop);
      },
      [&] {
        wakes.fetch_add(1);
        woken.store(true);
      });
  CHECK(Job::live_count() == before + 1);
  job->stop();
  job->stop();
  job->join();
  CHECK(wakes.load() == 1);
  CHECK(Job::live_count() == before);
}

TEST_CASE("Job: going out of scope stops and joins") {
  std::atomic<bool> ended{false};
  {
    const auto job = Job::start([&](const std::atomic<bool>& stop) {
      wait_for(stop);
      ended.store(true);
    });
  }
  CHECK(ended.load());
}
