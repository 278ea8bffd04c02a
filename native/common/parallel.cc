#include "common/parallel.h"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "common/cpu_limits.h"
#include "common/denormals.h"
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
      shares_(threads > 1 ? static_cast<size_t>(threads) : 0),
      beds_(shares_.size()) {}

void Team::resize(int threads) { size_ = std::clamp(threads, 1, most_); }

void Team::run(int threads, const std::function<void(Team&)>& body) {
  refuse_after_fork();
  const SerialBlas serial;
  Team team(std::max(threads, 1));
  if (threads <= 1) {
    const DenormalScope scope(Denormals::kFlushed);
    body(team);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    if (thread == 0) {
      // Here, since new threads begin in the mode of who begins them, and keep it.
      const DenormalScope scope(Denormals::kFlushed);
      team.size_ = team.most_ = omp_get_num_threads();
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

// Shares first: threads that spin look at theirs. Then those that sleep: either they see the round, or are seen here.
void Team::begin_round(int threads, uint64_t count, Invoke invoke, void* context) {
  const auto shares = static_cast<size_t>(threads);
  ++round_;
  for (size_t index = 0; index < shares; ++index) {
    Share& share = shares_[index];
    const uint64_t first = index * count / shares;
    const uint64_t end = (index + 1) * count / shares;
    share.end.store(end, std::memory_order_relaxed);
    share.invoke.store(invoke, std::memory_order_relaxed);
    share.context.store(context, std::memory_order_relaxed);
    share.threads.store(threads, std::memory_order_relaxed);
    share.next.store(uint64_t{round_} << kIndexBits | (first < end ? first : kClosed), std::memory_order_release);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (size_t index = 1; index < shares; ++index) {
    std::atomic<uint32_t>& taken = beds_[index].taken;
    if (taken.load(std::memory_order_relaxed) == 0) continue;
    // Exchanges, here and below, where emulators of arm64 let loads overtake stores: their threads slept for ever.
    taken.exchange(0);
    taken.notify_one();
  }
}

void Team::dispatch(int64_t count, Invoke invoke, void* context) {
  begin_round(size_, static_cast<uint64_t>(count), invoke, context);
  expected_ += static_cast<uint64_t>(count);
  // Others' shares are in their caches: no look at them once all is done.
  for (int share = 0; share < size_ && (share == 0 || helped_.load(std::memory_order_acquire) != expected_); ++share) {
    expected_ -= run_share(static_cast<size_t>(share), 0);
  }
  for (int i = 0; i < spins_ && helped_.load(std::memory_order_acquire) != expected_; ++i) pause_briefly();
  while (helped_.load(std::memory_order_acquire) != expected_) {
    const uint32_t finished = finished_.load();
    first_sleeps_.exchange(true);
    if (helped_.load() != expected_) finished_.wait(finished);
    first_sleeps_.store(false);
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Returns how many jobs of it this thread has done.
uint64_t Team::run_share(size_t index, int thread) {
  Share& share = shares_[index];
  uint64_t done = 0;
  uint64_t next = share.next.load(std::memory_order_acquire);
  while ((next & kClosed) != kClosed) {
    const Invoke invoke = share.invoke.load(std::memory_order_relaxed);
    void* const context = share.context.load(std::memory_order_relaxed);
    const bool takes_part = thread < share.threads.load(std::memory_order_relaxed);
    const uint64_t job = next & kClosed;
    const uint64_t after = job + 1 < share.end.load(std::memory_order_relaxed) ? next + 1 : next | kClosed;
    if (!takes_part) return done;  // none of this round's threads, or the round is over already
    // Success means that nothing has changed since, so what was read belongs to this round.
    if (!share.next.compare_exchange_weak(next, after, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    try {
      invoke(context, static_cast<int64_t>(job), thread);
    } catch (...) {
      keep_error(job);
    }
    ++done;
    next = share.next.load(std::memory_order_acquire);
  }
  return done;
}

// Within a handler.
void Team::keep_error(uint64_t job) {
  const std::lock_guard guard(keeping_);
  if (error_ && failed_job_ < job) return;
  error_ = std::current_exception();
  failed_job_ = job;
}

void Team::serve(int thread) {
  const DenormalScope scope(Denormals::kFlushed);
  const auto own = static_cast<size_t>(thread);
  std::atomic<uint32_t>& taken = beds_[own].taken;
  // Copies, since these lie in a line that the first thread writes each round.
  const int spins = spins_;
  const size_t shares = shares_.size();
  const auto round = [&] { return static_cast<uint32_t>(shares_[own].next.load() >> kIndexBits); };
  uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < spins && round() == seen; ++i) pause_briefly();
    while (round() == seen) {
      taken.store(1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (round() == seen) taken.wait(1);
      taken.store(0, std::memory_order_relaxed);
    }
    // In this order: a dismissal after the round was read is another round, which the next turn sees.
    seen = round();
    if (dismissed_.load()) return;
    for (size_t i = 0; i < shares; ++i) {
      const uint64_t done = run_share((own + i) % shares, thread);
      if (done == 0) continue;
      helped_.fetch_add(done);
      if (!first_sleeps_.load()) continue;
      finished_.fetch_add(1);
      finished_.notify_one();
    }
  }
}

void Team::dismiss() {
  dismissed_.store(true);
  begin_round(static_cast<int>(shares_.size()), 0, nullptr, nullptr);
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
  team_.size_ = team_.most_ = static_cast<int>(helpers_.size()) + 1;
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
  const DenormalScope scope(Denormals::kFlushed);
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
  if (threads <= 1) return Team::run(1, body);
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
