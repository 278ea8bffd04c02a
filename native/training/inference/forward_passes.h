// Forward passes over samples of a set, in the cuts that take the least time: pieces whose values stay in a cache, each
// by one thread, and passes by all threads. What pieces and passes there are does not hang on the number of threads, so
// that outputs do not, either.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "training/network/network.h"
#include "training/plan/plan.h"
#include "training/plan/plan_pool.h"

namespace gradloom {

class ForwardPasses {
 public:
  // Up to `batch` samples in a pass, by teams of up to `threads`.
  ForwardPasses(Network& network, PlanPool& plans, int64_t batch, int threads);

  // Makes the plans that run() of `count` samples takes, so that they need not be made later on.
  void reserve(int64_t count);

  // outputs[i] = the network's output for sample first + i, of `count`. For who holds a ReadingLock. Returns early when
  // `stop` is set.
  void run(Team& team, const ArraySamples& samples, int64_t first, int64_t count, const std::atomic<bool>& stop,
           float* outputs);

 private:
  struct Call {
    Team& team;
    const ArraySamples& samples;
    int64_t first;
    const std::atomic<bool>& stop;
    float* outputs;
    bool stopped() const { return stop.load(std::memory_order_relaxed); }
  };

  // 0: no pieces.
  int64_t samples_of_piece(int64_t count) const;
  int64_t samples_of_pass(int64_t left, int64_t piece) const;
  void run_pieces(const Call& call, int64_t piece, int64_t pieces);
  void pass(Team& team, Plan& plan, const Call& call, int64_t done) const;
  std::unique_ptr<Plan> take(int64_t batch, int threads) {
    return plans_.take(network_.shared_architecture(), {batch, Phase::kPredicting, threads});
  }

  Network& network_;
  const Architecture& architecture_;
  PlanPool& plans_;
  const int64_t batch_;
  const int threads_;
};

}  // namespace gradloom
