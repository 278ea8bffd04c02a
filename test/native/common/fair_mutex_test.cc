// Threads: up to 8.
#include "common/fair_mutex.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

using namespace gradloom;

namespace {

using namespace std::chrono_literals;

// Long enough for a thread that was just started to stand in line.
void let_others_arrive() { std::this_thread::sleep_for(20ms); }

void join(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("FairSharedMutex: a writer is alone") {
  FairSharedMutex mutex;
  int64_t counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        const std::unique_lock lock(mutex);
        ++counter;
      }
    });
  }
  join(threads);
  CHECK(counter == 2000);
}

TEST_CASE("FairSharedMutex: readers never see a writer at work") {
  FairSharedMutex mutex;
  int64_t a = 0;
  int64_t b = 0;
  std::atomic<bool> torn{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, writes = i < 2] {
      for (int round = 0; round < 300; ++round) {
        if (writes) {
          const std::unique_lock lock(mutex);
          ++a;
          ++b;
        } else {
          const std::shared_lock lock(mutex);
          if (a != b) torn.store(true);
        }
      }
    });
  }
  join(threads);
  CHECK_FALSE(torn.load());
  CHECK(a == 600);
}

TEST_CASE("FairSharedMutex: readers share") {
  FairSharedMutex mutex;
  std::atomic<int> inside{0};
  const std::shared_lock first(mutex);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const std::shared_lock lock(mutex);
      inside.fetch_add(1);
      while (inside.load() < 3) std::this_thread::yield();  // ends only if all three are in at once
    });
  }
  join(threads);
  CHECK(inside.load() == 3);
}

TEST_CASE("FairSharedMutex: served in order of arrival, writers and readers alike") {
  FairSharedMutex mutex;
  std::mutex order_mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  {
    const std::unique_lock lock(mutex);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        const auto note = [&] {
          const std::lock_guard guard(order_mutex);
          order.push_back(i);
        };
        if (i % 4 == 3) {
          const std::shared_lock shared(mutex);
          note();
        } else {
          const std::unique_lock alone(mutex);
          note();
        }
      });
      let_others_arrive();
    }
  }
  join(threads);
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("FairSharedMutex: a writer waits for the readers before it, a reader not past the writer before it") {
  FairSharedMutex mutex;
  std::atomic<bool> written{false};
  std::atomic<bool> read_after{false};
  mutex.lock_shared();
  std::thread writer([&] {
    const std::unique_lock lock(mutex);
    written.store(true);
  });
  let_others_arrive();
  std::thread reader([&] {
    const std::shared_lock lock(mutex);
    read_after.store(written.load());
  });
  let_others_arrive();
  CHECK_FALSE(written.load());
  mutex.unlock_shared();
  writer.join();
  reader.join();
  CHECK(read_after.load());
}

TEST_CASE("FairSharedMutex: a thread that locks again at once does not starve the others") {
  FairSharedMutex mutex;
  std::atomic<bool> stop{false};
  std::thread greedy([&] {
    while (!stop.load()) {
      const std::unique_lock lock(mutex);
      std::this_thread::sleep_for(100us);
    }
  });
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    const std::shared_lock read(mutex);
  }
  for (int i = 0; i < 20; ++i) {
    const std::unique_lock write(mutex);
  }
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  stop.store(true);
  greedy.join();
}
