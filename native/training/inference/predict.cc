#include "training/inference/predict.h"

#include <algorithm>

#include "kernels/work_sizes.h"
#include "training/inference/forward_passes.h"
#include "training/threads/reading_lock.h"

namespace gradloom {
namespace {

// One call. Functions of it alone are made without memory.
struct Prediction {
  Network& network;
  PlanPool& plans;
  const ArraySamples& samples;
  const PassOptions& options;
  const std::atomic<bool>& stop;
  float* outputs;
  int threads = 1;

  int64_t work(int64_t count) const { return forward_work(network.architecture(), samples, count); }
  int64_t work_of_pass() const { return work(std::min(options.batch, samples.count())); }

  void run(Team& team) const {
    const ReadingLock weights(network);
    ForwardPasses(network, plans, options.batch, threads).run(team, samples, 0, samples.count(), stop, outputs);
  }
};

}  // namespace

void predict(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
             const std::atomic<bool>& stop, SpareTeam& team, float* outputs) {
  if (samples.count() == 0) return;
  Prediction prediction{network, plans, samples, options, stop, outputs};
  const int64_t work_of_call = prediction.work(samples.count());
  prediction.threads = choose_threads_of_call(options.threads, prediction.work_of_pass(), work_of_call);
  // Not a region of OpenMP, whose threads spin on behind it and take the time of the caller's.
  team.run(prediction.threads, [&](Team& of_call) { prediction.run(of_call); });
}

void predict_now(Network& network, PlanPool& plans, const ArraySamples& samples, const PassOptions& options,
                 CallTeam& team, ThreadSearches& searches, float* outputs) {
  if (samples.count() == 0) return;
  const std::atomic<bool> never{false};
  Prediction prediction{network, plans, samples, options, never, outputs};
  prediction.threads = choose_threads_of_standing(options.threads, prediction.work_of_pass());
  if (prediction.threads == 1) return team.run(1, [&](Team& of_call) { prediction.run(of_call); });
  team.run(prediction.threads, [&](Team& of_call) {
    const SearchedStep searched(searches.search(prediction.threads, samples.count()), of_call);
    prediction.run(of_call);
  });
}

}  // namespace gradloom
