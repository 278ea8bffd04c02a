#include "training/inference/forward_passes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/layout/lanes.h"
#include "kernels/work_sizes.h"

namespace gradloom {
namespace {

// A predicting network draws no random numbers.
constexpr RandomState kNoRandom{0, 0};

bool reads_floats(const Architecture& architecture) {
  return std::ranges::all_of(architecture.inputs(),
                             [](const NetworkInput& input) { return input.form == InputForm::kFloats; });
}

// What a pass takes, as so many flops in full blocks of lanes. Images that change their layout are pooled and converted
// in passes of their own.
double work_of(const Architecture& architecture, int64_t batch) {
  constexpr double kFlopsPerConverted = 18;
  double work = 0;
  const Layer* before = nullptr;
  Layout layout = Layout::kRows;
  for (const auto& layer : architecture.layers()) {
    const Layer::PredictionWork own = layer->prediction_work(batch);
    work += own.flops;
    if (layer->flops() == 0 || layer->input_shape().rank() == 1) continue;
    if (before != nullptr && own.layout != layout) {
      work += kFlopsPerConverted * static_cast<double>(batch * before->output_shape().size());
    }
    before = layer.get();
    layout = own.layout;
  }
  return work;
}

// How many pieces single threads make. Of few those that would keep half of the threads busy in the end, or less, are
// left to passes of all.
int64_t pieces_alone(int64_t count, int64_t piece, int threads) {
  constexpr int64_t kManyPieces = 4;  // a thread
  if (piece == 0) return 0;
  const int64_t pieces = count / piece;
  const int64_t last = pieces % threads;
  return pieces < kManyPieces * threads && 2 * last <= threads ? pieces - last : pieces;
}

}  // namespace

ForwardPasses::ForwardPasses(Network& network, PlanPool& plans, int64_t batch, int threads)
    : network_(network), architecture_(network.architecture()), plans_(plans), batch_(batch), threads_(threads) {}

int64_t ForwardPasses::samples_of_piece(int64_t count) const {
  if (!reads_floats(architecture_)) return 0;
  return gradloom::samples_of_piece(count, std::min(batch_, count), architecture_.prediction_shape());
}

// How many of those that are `left` the next pass takes: a piece or a batch, or those in whole blocks of lanes, or
// blocks and a half, where the others take less time in a pass of their own than the rest of a block does. Measured on
// a Zen 4, 46 nets of convolutions, in times of a single pass: 17 samples on one thread 0.5 to 1.04, on two 0.4 to 1.1;
// 24 samples 0.65 to 1.03 and 0.6 to 1.1.
int64_t ForwardPasses::samples_of_pass(int64_t left, int64_t piece) const {
  constexpr double kLeastGain = 0.99;
  constexpr double kLeastWork = 500'000;  // more than a pass costs
  if (piece > 0 && left >= piece) return piece;
  const int64_t most = std::min(left, batch_);
  const int64_t blocks = most / kLanes * kLanes;
  if (most <= kHalfLanes || most == blocks) return most;
  const double whole = work_of(architecture_, most);
  double least = std::min(kLeastGain * whole, whole - kLeastWork);
  int64_t best = most;
  for (const int64_t first : {blocks, blocks + kHalfLanes}) {
    if (first == 0 || first >= most || !worth_all_weights(most - first, architecture_.prediction_shape())) continue;
    const double parts = work_of(architecture_, first) + work_of(architecture_, most - first);
    if (parts >= least) continue;
    least = parts;
    best = first;
  }
  return best;
}

void ForwardPasses::reserve(int64_t count) {
  std::vector<std::unique_ptr<Plan>> plans;
  const int64_t piece = samples_of_piece(count);
  const int64_t alone = pieces_alone(count, piece, threads_);
  for (int thread = 0; alone > 0 && thread < threads_; ++thread) plans.push_back(take(piece, 1));
  for (int64_t left = count - alone * piece; left > 0;) {
    const int64_t next = samples_of_pass(left, piece);
    plans.push_back(take(next, threads_));
    left = next == piece ? left % piece : left - next;
  }
  for (auto& plan : plans) plans_.give_back(std::move(plan));
}

void ForwardPasses::run(Team& team, const ArraySamples& samples, int64_t first, int64_t count,
                        const std::atomic<bool>& stop, float* outputs) {
  const Call call{team, samples, first, stop, outputs};
  const int64_t piece = samples_of_piece(count);
  const int64_t alone = pieces_alone(count, piece, team.size());
  if (alone > 0) run_pieces(call, piece, alone);
  for (int64_t done = alone * piece, next = 0; done < count && !call.stopped(); done += next) {
    next = samples_of_pass(count - done, piece);
    auto plan = take(next, threads_);
    plan->prepare(team, network_);
    pass(team, *plan, call, done);
    plans_.give_back(std::move(plan));
  }
}

void ForwardPasses::pass(Team& team, Plan& plan, const Call& call, int64_t done) const {
  const int64_t floats = architecture_.output_shape().size();
  plan.load(team, call.samples, nullptr, call.first + done);
  plan.forward(team, network_.weights(), kNoRandom);
  std::copy_n(plan.output(), plan.batch() * floats, call.outputs + done * floats);
}

void ForwardPasses::run_pieces(const Call& call, int64_t piece, int64_t pieces) {
  std::vector<std::unique_ptr<Plan>> plans;
  for (int thread = 0; thread < call.team.size(); ++thread) {
    plans.push_back(take(piece, 1));
    plans.back()->prepare(call.team, network_);
  }
  call.team.for_each(pieces, [&](int64_t index, int thread) {
    if (call.stopped()) return;
    // A function of two pointers and a team of one are made without memory.
    struct {
      Plan& plan;
      const Call& call;
      int64_t done;
    } part{*plans[static_cast<size_t>(thread)], call, index * piece};
    Team::run(1, [this, &part](Team& alone) { pass(alone, part.plan, part.call, part.done); });
  });
  for (auto& plan : plans) plans_.give_back(std::move(plan));
}

}  // namespace gradloom
