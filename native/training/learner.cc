#include "training/learner.h"

#include <algorithm>
#include <string>

#include "common/error.h"

namespace gradloom {

Learner::Learner(std::shared_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
                 std::shared_ptr<const Objective> objective, uint64_t seed, NonFinitePolicy non_finite)
    : network_(std::move(network)),
      optimizer_(std::move(optimizer)),
      objective_(std::move(objective)),
      seed_(seed),
      non_finite_(non_finite) {
  check_tables();
  for (size_t i = 0; i < optimizer_->states().size(); ++i) {
    states_.emplace_back(network_->architecture().weights_size());
  }
  reset();
}

// Rows that a step does not touch must not move in it.
void Learner::check_tables() const {
  const auto& parameters = network_->architecture().parameters();
  const auto table = std::find_if(parameters.begin(), parameters.end(), [](const Architecture::Parameter& p) {
    return p.row_width > 0 && p.role == ParameterRole::kTrained;
  });
  if (table == parameters.end()) return;
  const std::string objection = optimizer_->objection_to_rows();
  if (!objection.empty()) {
    throw Error("INVALID_OPTION", "the optimizer " + optimizer_->kind() + " cannot train the table \"" + table->name +
                                      "\", of which a step touches a few rows: " + objection);
  }
  if (non_finite_ == NonFinitePolicy::kSkip) {
    throw Error("INVALID_OPTION",
                "nonFinite: 'skip' keeps the gradients of all weights until the step's end, which the table \"" +
                    table->name + "\" is too large for; use 'stop' or 'ignore'");
  }
}

void Learner::reset() {
  steps = 0;
  epochs = 0;
  rate_scale = 1;
  for (size_t i = 0; i < states_.size(); ++i) {
    std::fill_n(states_[i].data(), states_[i].size(), optimizer_->states()[i].initial);
  }
}

}  // namespace gradloom
