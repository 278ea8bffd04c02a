#include "training/profile/step_profile.h"

#include <optional>
#include <utility>

#include "common/error.h"
#include "kernels/work_sizes.h"
#include "training/step/train_step.h"

namespace gradloom {
namespace {

constexpr int64_t kStepsBefore = 3;

double bytes(int64_t floats) { return static_cast<double>(sizeof(float)) * static_cast<double>(floats); }

std::vector<Plan::Update> updates_of(const Learner& learner) {
  std::vector<Plan::Update> updates;
  for (size_t i = 0; i < learner.network().architecture().parameters().size(); ++i) {
    const int p = static_cast<int>(i);
    Plan::Update update{.divisions = learner.optimizer(p).divisions()};
    for (const StateSpec& state : learner.states(p)) update.kept += state.shape.size();
    updates.push_back(update);
  }
  return updates;
}

Plan::Work moves(double bytes) { return {.bytes = bytes, .working_set = bytes}; }

// Each value is read where it is stored and written to the batch.
Plan::Work gather_work(const Plan& plan) {
  double moved = 0;
  for (int input = 0; input < plan.architecture().input_count(); ++input) {
    const NetworkInput& description = plan.architecture().inputs()[static_cast<size_t>(input)];
    const int64_t values = description.form == InputForm::kFloats
                               ? plan.batch() * description.shape.size()
                               : 2 * plan.sparse_input(input).input().rows.entries();  // with their rows
    moved += 2 * bytes(values);
  }
  return moves(moved);
}

// Outputs and targets are read, a gradient is written.
Plan::Work loss_work(const Learner& learner, const Plan& plan) {
  const Objective& objective = *learner.objective();
  const int64_t target = objective.loss().target_kind() == TargetKind::kClass ? 1 : objective.target_size();
  return moves(bytes(plan.batch() * (2 * objective.outputs() + target)));
}

Plan::Work update_work(const Learner& learner, const std::vector<Plan::Update>& updates, UpdateBehind behind) {
  if (behind == UpdateBehind::kEach) return {};
  double moved = 0;
  int64_t divisions = 0;
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const bool waits = parameters[p].role == ParameterRole::kTrained && parameters[p].row_width == 0;
    if (!waits) continue;
    const int64_t floats = parameters[p].shape.size();
    moved += bytes(3 * floats + 2 * updates[p].kept);
    divisions += floats * updates[p].divisions;
  }
  Plan::Work work = moves(moved);
  work.divisions = static_cast<double>(divisions);
  return work;
}

std::vector<ProfiledPart> parts_of(const Learner& learner, const TrainStep& step, const StepClock& clock) {
  const std::vector<Plan::Update> updates = updates_of(learner);
  const std::vector<Plan::NodeWork> nodes = step.plan().work(updates, step.update_behind());
  std::vector<ProfiledPart> parts;
  const auto add = [&](size_t part, std::string name, std::string pass, const char* kernel, const Plan::Work& work) {
    parts.push_back({std::move(name), std::move(pass), kernel, clock.seconds(part), work});
  };
  const auto name = [](const Plan::NodeWork& node) {
    return node.layer == nullptr ? std::string("conversion") : node.layer->name();
  };
  add(kGatherPart, "gather", "", "", gather_work(step.plan()));
  for (size_t i = 0; i < nodes.size(); ++i) {
    add(forward_part(i), name(nodes[i]), "forward", nodes[i].kernel, nodes[i].forward);
  }
  add(kLossPart, "loss", "", "", loss_work(learner, step.plan()));
  add(kGroupingPart, "grouping", "", "", {});
  for (size_t i = nodes.size(); i-- > 0;) {
    if (nodes[i].runs_backward) add(backward_part(i), name(nodes[i]), "backward", nodes[i].kernel, nodes[i].backward);
  }
  add(kUpdatePart, "update", "", "", update_work(learner, updates, step.update_behind()));
  return parts;
}

}  // namespace

StepProfile profile_steps(Learner& learner, const ArraySamples& samples, const ProfileOptions& options) {
  if (samples.count() < options.batch) {
    throw Error("INVALID_DATA", "profile: there are " + std::to_string(samples.count()) + " samples, a batch has " +
                                    std::to_string(options.batch));
  }
  const int threads =
      choose_threads_of_steps(options.threads, training_work(learner.network().architecture(), samples, options.batch));
  TrainStep step(learner, options.batch, threads);
  step.reserve(samples);
  ObjectiveTotals totals = learner.objective()->empty_totals(samples.count());
  StepClock clock(step.plan().nodes(), static_cast<size_t>(options.steps));
  const int64_t batches = samples.count() / options.batch;
  if (options.searches_threads) learner.thread_search.go_on_for(threads, options.batch);
  Team::run(threads, [&](Team& team) {
    for (int64_t i = -kStepsBefore; i < options.steps; ++i) {
      const int64_t batch = (i + kStepsBefore) % batches;
      if (batch == 0) learner.objective()->reset(totals);
      if (i == 0) step.time(&clock);
      std::optional<SearchedStep> searched;
      if (options.searches_threads) searched.emplace(learner.thread_search, team);
      step.run(team, samples, nullptr, batch * options.batch, totals);
    }
    step.group_entries(team);
  });
  return {threads, parts_of(learner, step, clock), clock.step_seconds(), clock.steps()};
}

}  // namespace gradloom
