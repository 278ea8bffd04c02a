#include "training/learner.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "common/checked.h"
#include "common/error.h"
#include "training/lazy_tables.h"

namespace gradloom {

Learner::Learner(std::shared_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
                 std::shared_ptr<const Objective> objective, LearnerSettings settings)
    : learning_rate(optimizer->learning_rate()),
      network_(std::move(network)),
      optimizer_(std::move(optimizer)),
      objective_(std::move(objective)),
      settings_(std::move(settings)) {
  const auto& parameters = network_->architecture().parameters();
  if (settings_.parameters.empty()) {
    settings_.parameters.assign(parameters.size(), {.rate_multiplier = 1, .weight_decay = optimizer_->weight_decay()});
  }
  check_tables();
  for (const auto& parameter : parameters) {
    const bool trained = parameter.role == ParameterRole::kTrained;
    state_specs_.push_back(trained ? states_of(parameter) : std::vector<StateSpec>());
    for (const StateSpec& spec : state_specs_.back()) {
      state_bytes_ += checked_multiply(spec.shape.size(), sizeof(float));
    }
  }
  check_memory_for(0);
  for (const std::vector<StateSpec>& specs : state_specs_) {
    auto& buffers = states_.emplace_back();
    for (const StateSpec& spec : specs) buffers.emplace_back(spec.shape.size());
  }
  lazy_tables_ = std::make_unique<LazyTables>(*this);
  reset();
}

Learner::~Learner() = default;

// Rules by row know a table by its rows; others keep what they keep in the layout of files.
std::vector<StateSpec> Learner::states_of(const Architecture::Parameter& parameter) const {
  const Shape shape = optimizer_->granularity() == Granularity::kRow ? parameter.rows_shape() : parameter.shape;
  return parameter.row_width == 0 ? optimizer_->states(shape) : optimizer_->table_states(shape);
}

// Rows that a step does not touch must not move in it.
void Learner::check_tables() const {
  const auto& parameters = network_->architecture().parameters();
  bool trains_tables = false;
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].row_width == 0 || parameters[p].role != ParameterRole::kTrained) continue;
    trains_tables = true;
    if (optimizer_->duplicates() != Duplicates::kSum &&
        network_->architecture().users_of(static_cast<int>(p)).size() > 1) {
      throw Error("INVALID_OPTION", "the optimizer " + optimizer_->kind() +
                                        " cannot apply duplicates one by one to the table \"" + parameters[p].name +
                                        "\", which several layers read: their gradients are summed by row; leave the "
                                        "option duplicates out");
    }
    const std::string objection = optimizer_->objection_to_rows(settings_.parameters[p].weight_decay);
    if (objection.empty()) continue;
    throw Error("INVALID_OPTION", "the optimizer " + optimizer_->kind() + " cannot train the table \"" +
                                      parameters[p].name + "\", of which a step touches a few rows: " + objection);
  }
  if (optimizer_->duplicates() != Duplicates::kSum && !trains_tables) {
    throw Error("INVALID_OPTION", "the optimizer " + optimizer_->kind() +
                                      " has the option duplicates, which is about rows of tables (sparseDense, "
                                      "embedding, embeddingBag), and the model trains none; leave it out");
  }
  if (settings_.non_finite == NonFinitePolicy::kSkip) check_no_tables("nonFinite: 'skip'", "use 'stop' or 'ignore'");
  if (settings_.clip.by_norm()) check_no_tables("clipGradients by a norm", "clip by value");
}

void Learner::check_no_tables(const std::string& what, const std::string& remedy) const {
  for (const auto& parameter : network_->architecture().parameters()) {
    if (parameter.row_width == 0 || parameter.role != ParameterRole::kTrained) continue;
    throw Error("INVALID_OPTION", what +
                                      " keeps the gradients of all weights until the step's end, which the table \"" +
                                      parameter.name + "\" is too large for; " + remedy);
  }
}

bool Learner::needs_all_gradients() const {
  return network_->architecture().shares_gradients() || settings_.non_finite == NonFinitePolicy::kSkip ||
         settings_.clip.by_norm() || optimizer_->granularity() != Granularity::kElement;
}

bool Learner::has_memory_for(int64_t bytes) const {
  if (!has_memory_limit()) return true;
  const int64_t weights = network_->architecture().weights_size() * static_cast<int64_t>(sizeof(float));
  return weights + state_bytes_ + bytes <= settings_.memory_limit;
}

void Learner::check_memory_for(int64_t bytes) const {
  if (has_memory_for(bytes)) return;
  const int64_t weights = network_->architecture().weights_size() * static_cast<int64_t>(sizeof(float));
  const auto text = [](int64_t number) { return std::to_string(number); };
  throw Error("MEMORY_LIMIT", "training would take " + text(weights + state_bytes_ + bytes) + " bytes (weights " +
                                  text(weights) + ", optimizer " + text(state_bytes_) + ", steps " + text(bytes) +
                                  "), above memoryLimit " + text(settings_.memory_limit) +
                                  (bytes == 0 ? "; a smaller model or another optimizer takes less"
                                              : "; a smaller batchSize takes less"));
}

void Learner::scale_rate(double scale) {
  if (scale == rate_scale) return;
  const std::unique_lock guard(network_->lock());
  network_->lend(nullptr);
  rate_scale = scale;
  lazy_tables_->begin();
}

void Learner::check_schedule() const {
  if (lazy_tables_->empty()) return;
  throw Error("INVALID_OPTION", "the optimizer " + optimizer_->kind() +
                                    " catches up on the steps that did not touch a row of a table as on steps of one "
                                    "learning rate; give a number as learningRate in place of a schedule");
}

void Learner::reset() {
  if (network_->lazy_weights() == lazy_tables_.get()) network_->lend(nullptr);
  steps = 0;
  epochs = 0;
  rate_scale = 1;
  for (size_t p = 0; p < states_.size(); ++p) {
    for (size_t i = 0; i < states_[p].size(); ++i) {
      std::fill_n(states_[p][i].data(), states_[p][i].size(), state_specs_[p][i].initial);
    }
  }
}

}  // namespace gradloom
