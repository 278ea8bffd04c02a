#include "training/tables/lazy_row_updates.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "common/denormals.h"
#include "kernels/tiling.h"
#include "training/run/learner.h"

namespace gradloom {
namespace {

using States = std::array<float*, kMostStates>;

States states_of(Learner& learner, int parameter) {
  States states{};
  for (size_t i = 0; i < learner.states(parameter).size(); ++i) states.at(i) = learner.state(parameter, i);
  return states;
}

const Architecture::Parameter& parameter_of(const Learner& learner, int parameter) {
  return learner.network().architecture().parameters()[static_cast<size_t>(parameter)];
}

// All of a table, behind the steps so far.
UpdateArguments whole(Learner& learner, int parameter, const States& states, double rate) {
  const Architecture::Parameter& table = parameter_of(learner, parameter);
  return {.count = table.shape.size(),
          .weight = learner.network().weights() + table.offset,
          .gradient = nullptr,
          .states = states.data(),
          .step = learner.steps,
          .learning_rate = rate,
          .weight_decay = 0};
}

}  // namespace

LazyRowUpdates::LazyRowUpdates(Learner& learner) : learner_(learner) {
  const Architecture& architecture = learner.network().architecture();
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    const auto& parameter = architecture.parameters()[p];
    if (parameter.row_width == 0 || parameter.role != ParameterRole::kTrained) continue;
    if (!learner.optimizer(static_cast<int>(p)).moves_untouched()) continue;
    Table table{.parameter = static_cast<int>(p), .inputs = {}, .rate = 0};
    for (const int layer : architecture.users_of(table.parameter)) {
      const int input = architecture.inputs_of(layer).front();
      if (std::find(table.inputs.begin(), table.inputs.end(), input) == table.inputs.end()) {
        table.inputs.push_back(input);
      }
    }
    tables_.push_back(std::move(table));
  }
}

std::vector<int> LazyRowUpdates::parameters() const {
  std::vector<int> numbers;
  for (const Table& table : tables_) numbers.push_back(table.parameter);
  return numbers;
}

LazyRowUpdates::~LazyRowUpdates() {
  if (empty()) return;
  const std::unique_lock guard(learner_.network().lock());
  if (learner_.network().lazy_weights() == this) learner_.network().lend(nullptr);
}

void LazyRowUpdates::begin_step(Team& team, Plan& plan) {
  Network& network = learner_.network();
  const bool follows = network.lazy_weights() == this && learner_.steps % kStepsToAdopt != 0;
  const bool same_rates = std::all_of(tables_.begin(), tables_.end(), [&](const Table& table) {
    return table.rate == learner_.rate_of(table.parameter);
  });
  if (follows && same_rates) {
    plan.group_all(team);
    for (const Table& table : tables_) settle_named(team, plan, table);
  } else {
    network.lend(nullptr);
    begin();
  }
  stale_ = !empty();
}

void LazyRowUpdates::settle_named(Team& team, Plan& plan, const Table& table) {
  const int64_t width = parameter_of(learner_, table.parameter).row_width;
  const States states = states_of(learner_, table.parameter);
  const UpdateArguments all = whole(learner_, table.parameter, states, table.rate);
  for (const int input : table.inputs) {
    const RowGroups& groups = plan.groups(team, input);
    const Tiling tiles = tile_rows(groups.count, width);
    team.for_each(tiles.count, [&](int64_t tile, int) {
      learner_.optimizer(table.parameter)
          .settle_rows({.count = tiles.size(tile),
                        .width = width,
                        .rows = groups.rows + tiles.first(tile),
                        .table = all.weight,
                        .gradient = nullptr,
                        .states = states.data(),
                        .state_count = learner_.states(table.parameter).size(),
                        .step = all.step,
                        .learning_rate = all.learning_rate,
                        .weight_decay = 0});
    });
  }
}

void LazyRowUpdates::settle() {
  if (!stale_) return;
  // As in a team, whoever reads.
  const DenormalScope scope(Denormals::kFlushed);
  for (const Table& table : tables_) {
    const States states = states_of(learner_, table.parameter);
    learner_.optimizer(table.parameter).settle(whole(learner_, table.parameter, states, table.rate));
  }
  stale_ = false;
}

void LazyRowUpdates::begin() {
  resume();
  for (const Table& table : tables_) {
    const States states = states_of(learner_, table.parameter);
    learner_.optimizer(table.parameter).adopt(whole(learner_, table.parameter, states, table.rate));
  }
}

void LazyRowUpdates::resume() {
  learner_.network().lend(empty() ? nullptr : this);
  for (Table& table : tables_) table.rate = learner_.rate_of(table.parameter);
  stale_ = false;
}

}  // namespace gradloom
