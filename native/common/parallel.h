// Threads. The only file that touches OpenMP and the thread counts of BLAS.
//
// A run of steps lives in one parallel region: its first thread runs the code of the steps from top to bottom, the
// others wait for jobs. Between jobs they spin for some microseconds and then sleep, since libgomp's own spinning costs
// up to 8 ms a region when another process, or the event loop, shares the core.
//
// Sums are cut by the problem's size, never by the number of threads, so neither that nor the thread that happens to
// take a job can change a result. Each thread begins with a share of its own, the same whenever a round has as many
// jobs: weights and activations then stay in its core's caches from pass to pass and step to step. Who is done takes
// from the others.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace gradloom {

class Team {
 public:
  // Runs `body` with `threads` threads (at least 1) and returns when it has; what it throws is thrown on. BLAS called
  // from `body` and from jobs stays on the calling thread. Denormal floats count as zero in both.
  static void run(int threads, const std::function<void(Team&)>& body);

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Those that take part.
  int size() const { return size_; }
  // So many take part from now on, as far as there are such; the others sleep. Not within for_each.
  void resize(int threads);

  // Calls job(index, thread) for every index in [0, count), in any order, on any thread of the team; 0 <= thread <
  // size(). Returns when all are done. When jobs throw, the error of the lowest index is thrown on once nobody works on
  // a job any more, whatever the number of threads; jobs of higher indices may be done or not. The team can be used
  // afterwards. Jobs must not call for_each.
  template <class Job>
  void for_each(int64_t count, Job&& job) {
    if (size_ == 1 || count <= 1) {
      for (int64_t index = 0; index < count; ++index) job(index, 0);
      return;
    }
    using Callable = std::remove_reference_t<Job>;
    dispatch(
        count, [](void* context, int64_t index, int thread) { (*static_cast<Callable*>(context))(index, thread); },
        const_cast<void*>(static_cast<const void*>(&job)));
  }

 private:
  friend class StandingTeam;
  using Invoke = void (*)(void* context, int64_t index, int thread);

  // One thread's jobs of a round, from `next` to `end`, and all that it needs to know of them, in one cache line that
  // travels once. `next` holds the round too, and is closed by who claims the last job: a thread that comes late to a
  // round, because the system gave its processor to somebody else, claims nothing and is not waited for.
  struct alignas(64) Share {
    std::atomic<uint64_t> next{kClosed};
    std::atomic<uint64_t> end{0};
    std::atomic<Invoke> invoke{nullptr};
    std::atomic<void*> context{nullptr};
    std::atomic<int> threads{0};  // of the round
  };

  // What a thread sleeps on, in a line that its first thread reads each round and others seldom write.
  struct alignas(64) Bed {
    std::atomic<uint32_t> taken{0};
  };

  explicit Team(int threads);
  void dispatch(int64_t count, Invoke invoke, void* context);
  void begin_round(int threads, uint64_t count, Invoke invoke, void* context);
  uint64_t run_share(size_t share, int thread);
  void keep_error(uint64_t job);
  void serve(int thread);
  void dismiss();

  static constexpr int kIndexBits = 32;
  static constexpr uint64_t kClosed = (uint64_t{1} << kIndexBits) - 1;

  int size_ = 1;
  int most_ = 1;  // threads that there are
  int spins_ = 0;
  uint32_t round_ = 0;
  uint64_t expected_ = 0;  // of helped_
  // What a job of the round has thrown, and which. The first thread reads it without the lock once all are done.
  std::exception_ptr error_;
  uint64_t failed_job_ = 0;
  std::mutex keeping_;
  std::atomic<bool> dismissed_{false};
  std::vector<Share> shares_;
  std::vector<Bed> beds_;
  // Jobs of all rounds that others than the first thread have done.
  alignas(64) std::atomic<uint64_t> helped_{0};
  // What the first thread sleeps on, which grows meanwhile.
  alignas(64) std::atomic<uint32_t> finished_{0};
  std::atomic<bool> first_sleeps_{false};
};

// A team for short calls, one after another: its threads outlive them and spin, then sleep, in between. Beginning an
// OpenMP region costs more than such a call takes, and when another process shares the core up to 8 ms. Threads that
// come late cost nothing: the caller does their share.
class StandingTeam {
 public:
  // Fewer threads where the system does not give them.
  explicit StandingTeam(int threads);
  ~StandingTeam();
  StandingTeam(const StandingTeam&) = delete;
  StandingTeam& operator=(const StandingTeam&) = delete;

  // As Team::run; one call at a time.
  void run(const std::function<void(Team&)>& body);

 private:
  Team team_;
  std::vector<std::thread> helpers_;
};

// The standing team of who makes such calls: begun with the first one, and anew for another number of threads.
class CallTeam {
 public:
  // As Team::run; one call at a time.
  void run(int threads, const std::function<void(Team&)>& body);

 private:
  int threads_ = 1;
  std::unique_ptr<StandingTeam> team_;
};

// One for calls from any thread. Those that come while another has it begin threads of their own, which may share the
// caller's processor for the first milliseconds, until the system moves them.
class SpareTeam {
 public:
  // As Team::run.
  void run(int threads, const std::function<void(Team&)>& body);

 private:
  std::mutex mutex_;
  CallTeam team_;
};

// The number of threads to use for what the user asked for: `requested`, or all available processors for 0.
int resolve_threads(int requested);

// Throws FORKED in a child made by fork(): the OpenMP runtime would wait there for threads that do not exist.
void refuse_after_fork();

}  // namespace gradloom
