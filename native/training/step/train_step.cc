#include "training/step/train_step.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "training/tables/lazy_row_updates.h"

namespace gradloom {

TrainStep::TrainStep(Learner& learner, int64_t batch, int threads, std::shared_ptr<StepGradients> gradients)
    : learner_(learner),
      plan_(learner.network().shared_architecture(),
            {.batch = batch, .phase = Phase::kTraining, .threads = threads, .duplicates = learner.duplicates()}),
      objective_(learner.objective(), batch),
      shared_tables_(learner.network().architecture(), threads),
      hogwild_buffers_(learner, threads),
      gradients_(std::move(gradients)) {
  const Architecture& architecture = learner.network().architecture();
  if (gradients_ == nullptr && learner.needs_all_gradients()) {
    gradients_ = std::make_shared<StepGradients>(architecture.gradients_size(), 1);
  }
  if (gradients_ != nullptr) update_all_ = std::make_unique<UpdateAll>(learner);
  for (size_t layer = 0; layer < architecture.layers().size(); ++layer) {
    const auto index = static_cast<int>(layer);
    if (gradients_ != nullptr) {
      auto sink = std::make_unique<BufferingSink>(learner, index, shared_tables_, hogwild_buffers_, *gradients_);
      buffering_.push_back(sink.get());
      sinks_.push_back(std::move(sink));
    } else {
      auto sink = std::make_unique<UpdatingSink>(learner, index, shared_tables_, hogwild_buffers_);
      updating_.push_back(sink.get());
      sinks_.push_back(std::move(sink));
    }
  }
}

StepOutcome TrainStep::run(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first,
                           ObjectiveTotals& totals, StepEnd end) {
  StepLocks locks(learner_.network());
  if (gradients_ != nullptr) gradients_->begin_batch(batch());
  const float* weights = learner_.network().weights();
  if (clock_ != nullptr) clock_->begin_step();

  load(team, samples, order, first);
  learner_.lazy_row_updates().begin_step(team, plan_);
  objective_.load_targets(samples, order, first);
  end_part(kGatherPart);
  plan_.forward(team, weights, random());
  const double loss = judge(team, locks);
  end_part(kLossPart);
  const bool spoils = !std::isfinite(loss) && learner_.non_finite() == NonFinitePolicy::kSkip;
  if (!std::isfinite(loss) && learner_.non_finite() == NonFinitePolicy::kStop) {
    report_loss(team, samples, order, first);
  }
  if (spoils) {
    gradients_->spoiled = true;
  } else {
    plan_.backward(team, weights, random(), sinks_);  // updates as it goes, unless gradients are buffered
    const int culprit = shared_tables_.update(team, learner_);
    if (learner_.non_finite() == NonFinitePolicy::kStop) report_tables(culprit);
  }

  StepOutcome outcome = StepOutcome::kUpdated;
  if (gradients_ == nullptr) {
    if (learner_.non_finite() == NonFinitePolicy::kStop) report_gradients();
    ++learner_.steps;
  } else {
    if (gradients_->sums() && !spoils) update_all_->assign_statistics(learner_, *gradients_);
    outcome = end == StepEnd::kHere ? finish(team) : StepOutcome::kGathered;
  }
  const bool counts = gradients_ != nullptr && gradients_->sums() ? !spoils : outcome == StepOutcome::kUpdated;
  if (counts) objective_.add_to(totals);
  end_part(kUpdatePart);
  if (clock_ != nullptr) clock_->end_step();
  return outcome;
}

void TrainStep::group_entries(Team& team) {
  const auto& inputs = plan_.architecture().inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].form != InputForm::kFloats) plan_.groups(team, static_cast<int>(i));
  }
}

void TrainStep::load(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first) {
  const RandomState state = random();
  const Augmenter augmenter(augmentation_, state.seed, state.step);
  plan_.load(team, samples, order, first, augmentation_.changes() ? &augmenter : nullptr);
}

// Each batch of a step draws its own numbers; those of the first are a plain step's.
RandomState TrainStep::random() const {
  constexpr int kStepBits = 48;
  const auto earlier = gradients_ == nullptr ? 0 : static_cast<uint64_t>(gradients_->gathered() - 1);
  return {learner_.seed(), learner_.steps | earlier << kStepBits};
}

// The update from all gradients, or none.
StepOutcome TrainStep::finish(Team& team) {
  StepGradients& gradients = *gradients_;
  bool skips = gradients.spoiled;
  if (!skips) {
    gradients.finish(team);
    update_all_->regularize(team, learner_, gradients);
    const int culprit = learner_.non_finite() == NonFinitePolicy::kIgnore
                            ? -1
                            : update_all_->find_not_finite(team, learner_, gradients);
    if (culprit >= 0 && learner_.non_finite() == NonFinitePolicy::kStop) {
      throw Error("NOT_FINITE", "a gradient or weight of \"" +
                                    learner_.network().architecture().parameters()[static_cast<size_t>(culprit)].name +
                                    "\" is not finite at step " + std::to_string(learner_.steps + 1) +
                                    " although the loss is. Nothing of this step was changed; a lower learning rate or "
                                    "nonFinite: 'skip', which leaves such steps out, may help");
    }
    skips = culprit >= 0;
  }
  if (!skips) {
    if (inspection_ != nullptr) inspection_->before_update(team, learner_, gradients);
    update_all_->run(team, learner_, gradients);
    if (inspection_ != nullptr) inspection_->after_update(team, learner_);
    ++learner_.steps;
  }
  gradients.clear();
  return skips ? StepOutcome::kSkipped : StepOutcome::kUpdated;
}

// A loss that waits for others must not keep the weights from them. They stay as they are: no one sets them in a run.
double TrainStep::judge(Team& team, StepLocks& locks) {
  const bool waits = learner_.objective()->loss().whole_batches();
  if (waits) locks.release();
  const double loss = objective_.compute(team, plan_.output(), plan_.output_gradient());
  if (waits) locks.take();
  return loss;
}

// Nothing has changed yet, so the forward pass can be repeated to find where it went wrong.
void TrainStep::report_loss(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first) {
  load(team, samples, order, first);
  const int layer = plan_.find_non_finite(team, learner_.network().weights(), random());
  const auto& layers = learner_.network().architecture().layers();
  const std::string where = layer == Plan::kInput     ? "an input sample is not finite; check the dataset"
                            : layer == Plan::kNowhere ? "the model's outputs are finite; check the labels"
                                                      : "the first values that are not finite come from layer \"" +
                                                            layers[static_cast<size_t>(layer)]->name() +
                                                            "\"; a lower learning rate or normalised inputs may help";
  throw Error("NOT_FINITE", "the loss is not finite at step " + std::to_string(learner_.steps + 1) + ": " + where +
                                ". Nothing of this step was changed");
}

// The rows of tables have been updated, and nothing else where gradients are buffered.
void TrainStep::report_tables(int shared) {
  const auto& architecture = learner_.network().architecture();
  const auto& layers = architecture.layers();
  int culprit = shared < 0 ? -1 : architecture.parameters()[static_cast<size_t>(shared)].layer;
  for (size_t i = 0; i < buffering_.size(); ++i) {
    if (buffering_[i]->take_not_finite()) culprit = static_cast<int>(i);
  }
  if (culprit < 0) return;
  throw Error("NOT_FINITE", "a gradient or weight of the table of layer \"" +
                                layers[static_cast<size_t>(culprit)]->name() + "\" is not finite at step " +
                                std::to_string(learner_.steps + 1) +
                                " although the loss is. Its rows have moved in this step: go back to a saved state");
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
