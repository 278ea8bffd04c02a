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

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `value` is no longer `old`: spins, then sleeps on a futex.
void wait_while(const std::atomic<uint32_t>& value, uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause_briefly();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
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

void Team::run(int threads, const std::function<void(Team&)>& body) {
  refuse_after_fork();
  const SerialBlas serial;
  Team team;
  if (threads <= 1) {
    body(team);
    return;
  }
  // Some 20 microseconds: longer than the gaps between the jobs of a step, short against a time slice. With more
  // threads than processors spinning only takes time from the thread that is waited for.
  team.spins_ = threads <= available_cpus() ? 1000 : 0;
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
  invoke_ = invoke;
  context_ = context;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<uint32_t>(size_ - 1), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  claim_jobs(0);
  for (uint32_t busy = busy_.load(std::memory_order_acquire); busy != 0; busy = busy_.load(std::memory_order_acquire)) {
    wait_while(busy_, busy, spins_);
  }
}

void Team::claim_jobs(int thread) {
  for (int64_t index = next_.fetch_add(1, std::memory_order_relaxed); index < count_;
       index = next_.fetch_add(1, std::memory_order_relaxed)) {
    invoke_(context_, index, thread);
  }
}

void Team::serve(int thread) {
  for (uint32_t round = 0;; ++round) {
    wait_while(round_, round, spins_);
    if (dismissed_) return;
    claim_jobs(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void Team::dismiss() {
  dismissed_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
}

int resolve_threads(int requested) { return requested > 0 ? requested : available_cpus(); }

void refuse_after_fork() {
  if (forked.load(std::memory_order_relaxed)) {
    throw Error("FORKED",
                "this process was forked from one that had loaded gradloom, so its threads are missing; start workers "
                "with child_process or worker_threads instead");
  }
}

}  // namespace gradloom
