#include "training/train_step.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "kernels/tiling.h"

namespace gradloom {

TrainStep::TrainStep(Learner& learner, int64_t batch, int threads)
    : learner_(learner),
      plan_(learner.network().shared_architecture(), {batch, Phase::kTraining, threads}),
      objective_(learner.objective(), batch) {
  const Architecture& architecture = learner.network().architecture();
  const bool skip_whole_steps = learner.non_finite() == NonFinitePolicy::kSkip;
  if (skip_whole_steps) gradients_ = AlignedBuffer(architecture.weights_size());
  for (size_t layer = 0; layer < architecture.layers().size(); ++layer) {
    const int first_parameter = architecture.first_parameter(static_cast<int>(layer));
    if (skip_whole_steps) {
      sinks_.push_back(std::make_unique<BufferingSink>(architecture, first_parameter, gradients_.data()));
    } else {
      auto sink = std::make_unique<UpdatingSink>(learner, first_parameter);
      updating_.push_back(sink.get());
      sinks_.push_back(std::move(sink));
    }
  }
}

StepOutcome TrainStep::run(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first,
                           ObjectiveTotals& totals) {
  StepLocks locks(learner_.network());
  const RandomState random{learner_.seed(), learner_.steps};
  const float* weights = learner_.network().weights();

  plan_.load(team, samples, order, first);
  objective_.load_targets(samples, order, first);
  plan_.forward(team, weights, random);
  const double loss = judge(team, locks);
  if (!std::isfinite(loss)) {
    if (learner_.non_finite() == NonFinitePolicy::kStop) report_loss(team, samples, order, first);
    if (learner_.non_finite() == NonFinitePolicy::kSkip) return StepOutcome::kSkipped;
  }

  plan_.backward(team, weights, random, sinks_);  // updates as it goes, unless gradients are buffered
  if (updating_.empty()) {
    if (!gradients_finite(team)) return StepOutcome::kSkipped;
    update_all(team);
  } else if (learner_.non_finite() == NonFinitePolicy::kStop) {
    report_gradients();
  }
  ++learner_.steps;
  objective_.add_to(totals);
  return StepOutcome::kUpdated;
}

// A loss that waits for others must not keep the weights from them. They stay as they are: no one sets them in a run.
double TrainStep::judge(Team& team, StepLocks& locks) {
  const bool waits = learner_.objective()->loss().whole_batches();
  if (waits) locks.release();
  const double loss = objective_.compute(team, plan_.output(), plan_.output_gradient());
  if (waits) locks.take();
  return loss;
}

bool TrainStep::gradients_finite(Team& team) {
  // Padding between parameters is zero, so the buffers can be taken as a whole. The weights too: an infinite one behind
  // an activation that saturates shows neither in the loss nor in a gradient.
  std::atomic<bool> finite{true};
  const Tiling tiles = tile_rows(gradients_.size(), 1);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const float* gradient = gradients_.data() + tiles.first(tile);
    const float* weight = learner_.network().weights() + tiles.first(tile);
    bool all = true;
    for (int64_t i = 0; i < tiles.size(tile); ++i) all &= std::isfinite(gradient[i]) && std::isfinite(weight[i]);
    if (!all) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed);
}

void TrainStep::update_all(Team& team) {
  const auto& parameters = learner_.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].role == ParameterRole::kFrozen) continue;
    const Tiling tiles = tile_rows(parameters[p].shape.size(), 1);
    team.for_each(tiles.count, [&](int64_t tile, int) {
      update_parameter(learner_, static_cast<int>(p), tiles.first(tile), tiles.size(tile),
                       gradients_.data() + parameters[p].offset + tiles.first(tile), learner_.steps + 1);
    });
  }
}

// Nothing has changed yet, so the forward pass can be repeated to find where it went wrong.
void TrainStep::report_loss(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first) {
  plan_.load(team, samples, order, first);
  const int layer = plan_.find_non_finite(team, learner_.network().weights(), {learner_.seed(), learner_.steps});
  const auto& layers = learner_.network().architecture().layers();
  const std::string where = layer == Plan::kInput     ? "an input sample is not finite; check the dataset"
                            : layer == Plan::kNowhere ? "the model's outputs are finite; check the labels"
                                                      : "the first values that are not finite come from layer \"" +
                                                            layers[static_cast<size_t>(layer)]->name() +
                                                            "\"; a lower learning rate or normalised inputs may help";
  throw Error("NOT_FINITE", "the loss is not finite at step " + std::to_string(learner_.steps + 1) + ": " + where +
                                ". Nothing of this step was changed");
}

// The updates have been made: the message says how far they went.
void TrainStep::report_gradients() {
  int culprit = -1;  // the last layer with a bad gradient: backward comes from there
  for (size_t i = 0; i < updating_.size(); ++i) {
    if (updating_[i]->take_not_finite()) culprit = static_cast<int>(i);
  }
  if (culprit < 0) return;
  const auto& layers = learner_.network().architecture().layers();
  std::string moved;
  for (size_t i = layers.size(); i-- > 0;) {
    if (layers[i]->learns()) moved += (moved.empty() ? "" : ", ") + layers[i]->name();
  }
  throw Error("NOT_FINITE", "a gradient or weight of layer \"" + layers[static_cast<size_t>(culprit)]->name() +
                                "\" is not finite at step " + std::to_string(learner_.steps + 1) +
                                " although the loss is. The weights of " + moved +
                                " have moved in this step: go back to a saved state, or train with nonFinite: 'skip', "
                                "which leaves such steps out");
}

}  // namespace gradloom
