#include "common/parallel.h"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <exception>

#include "common/cpu_limits.h"
#include "common/error.h"

namespace gradloom {
namespace {

std::atomic<bool> forked{false};

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] { forked.store(true); });

// As they were at first: to ask takes some 30 microseconds, as long as a small step.
int processors() {
  static const int count = available_cpus();
  return count;
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// OpenBLAS reads the calling thread's OpenMP setting; one thread there keeps every product where it was called.
class SerialBlas {
 public:
  SerialBlas() : previous_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SerialBlas() { omp_set_num_threads(previous_); }
  SerialBlas(const SerialBlas&) = delete;
  SerialBlas& operator=(const SerialBlas&) = delete;

 private:
  int previous_;
};

}  // namespace

Team::Team(int threads)
    // Some 20 microseconds: longer than the gaps between the jobs of a step, short against a time slice. With more
    // threads than processors spinning only takes time from the thread that is waited for.
    // A team of one has no shares and so allocates nothing: jobs of another team may begin one.
    : spins_(threads > 1 && threads <= processors() ? 1000 : 0),
      shares_(threads > 1 ? static_cast<size_t>(threads) : 0) {}

void Team::run(int threads, const std::function<void(Team&)>& body) {
  refuse_after_fork();
  const SerialBlas serial;
  Team team(std::max(threads, 1));
  if (threads <= 1) {
    body(team);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    if (thread == 0) {
      team.size_ = omp_get_num_threads();
      try {
        body(team);
      } catch (...) {
        error = std::current_exception();
      }
      team.dismiss();
    } else {
      team.serve(thread);
    }
  }
  if (error) std::rethrow_exception(error);
}

void Team::dispatch(int64_t count, Invoke invoke, void* context) {
  // Closed while it changes: a thread that reads a mixture of two rounds fails to claim a job. All jobs of the round
  // before are done, so nobody else uses these.
  for (Share& share : shares_) share.next.store(round_ << kIndexBits | kIndexMask, std::memory_order_release);
  ++round_;
  const auto all = static_cast<uint64_t>(count);
  invoke_.store(invoke, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  count_.store(all, std::memory_order_release);
  done_.store(0, std::memory_order_release);
  for (size_t share = 0; share < shares_.size(); ++share) {
    shares_[share].next.store(round_ << kIndexBits | first_of_share(share, all), std::memory_order_release);
  }
  rounds_.fetch_add(1);
  if (sleepers_.load() > 0) rounds_.notify_all();

  while (run_one_job(0)) {
  }
  for (int i = 0; i < spins_ && done_.load(std::memory_order_acquire) != all; ++i) pause_briefly();
  while (done_.load(std::memory_order_acquire) != all) {
    const uint32_t finished = finished_.load();
    first_sleeps_.store(true);
    if (done_.load() != all) finished_.wait(finished);
    first_sleeps_.store(false);
  }
}

// False when no job of the current round is left.
bool Team::run_one_job(int thread) {
  const size_t own = static_cast<size_t>(thread);
  for (size_t i = 0; i < shares_.size(); ++i) {
    if (run_one_job_of((own + i) % shares_.size(), thread)) return true;
  }
  return false;
}

bool Team::run_one_job_of(size_t share, int thread) {
  std::atomic<uint64_t>& claimed = shares_[share].next;
  uint64_t next = claimed.load(std::memory_order_acquire);
  for (;;) {
    const Invoke invoke = invoke_.load(std::memory_order_acquire);
    void* const context = context_.load(std::memory_order_acquire);
    const uint64_t count = count_.load(std::memory_order_acquire);
    if ((next & kIndexMask) >= first_of_share(share + 1, count)) return false;
    // Success means that nothing has changed since, so what was read belongs to this round.
    if (claimed.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
      invoke(context, static_cast<int64_t>(next & kIndexMask), thread);
      if (done_.fetch_add(1) + 1 == count && first_sleeps_.load()) {
        finished_.fetch_add(1);
        finished_.notify_one();
      }
      return true;
    }
  }
}

void Team::serve(int thread) {
  uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < spins_ && rounds_.load(std::memory_order_acquire) == seen; ++i) pause_briefly();
    while (rounds_.load() == seen) {
      sleepers_.fetch_add(1);
      rounds_.wait(seen);
      sleepers_.fetch_sub(1);
    }
    // In this order: a dismissal after the count was read is another count, which the next turn sees.
    seen = rounds_.load();
    if (dismissed_.load()) return;
    while (run_one_job(thread)) {
    }
  }
}

void Team::dismiss() {
  dismissed_.store(true);
  rounds_.fetch_add(1);
  rounds_.notify_all();
}

StandingTeam::StandingTeam(int threads) : team_(std::max(threads, 1)) {
  helpers_.reserve(static_cast<size_t>(std::max(threads - 1, 0)));
  try {
    while (static_cast<int>(helpers_.size()) + 1 < threads) {
      const int thread = static_cast<int>(helpers_.size()) + 1;
      helpers_.emplace_back([this, thread] {
        const SerialBlas serial;
        team_.serve(thread);
      });
    }
  } catch (const std::exception&) {
    // No thread or no memory for one: those that there are will do.
  }
  team_.size_ = static_cast<int>(helpers_.size()) + 1;
}

StandingTeam::~StandingTeam() {
  if (forked.load()) {
    for (std::thread& helper : helpers_) helper.detach();  // they are in the other process
    return;
  }
  team_.dismiss();
  for (std::thread& helper : helpers_) helper.join();
}

void StandingTeam::run(const std::function<void(Team&)>& body) {
  refuse_after_fork();
  const SerialBlas serial;
  body(team_);
}

void CallTeam::run(int threads, const std::function<void(Team&)>& body) {
  if (threads <= 1) return Team::run(1, body);
  if (threads != threads_) {
    team_ = std::make_unique<StandingTeam>(threads);
    threads_ = threads;
  }
  team_->run(body);
}

void SpareTeam::run(int threads, const std::function<void(Team&)>& body) {
  if (const std::unique_lock lock(mutex_, std::try_to_lock); lock) return team_.run(threads, body);
  CallTeam().run(threads, body);
}

int resolve_threads(int requested) { return requested > 0 ? requested : processors(); }

void refuse_after_fork() {
  if (forked.load(std::memory_order_relaxed)) {
    throw Error("FORKED",
                "this process was forked from one that had loaded gradloom, so its threads are missing; start workers "
                "with child_process or worker_threads instead");
  }
}

}  // namespace gradloom
