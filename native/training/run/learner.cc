#include "training/run/learner.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "common/checked.h"
#include "common/error.h"
#include "training/tables/lazy_row_updates.h"

namespace gradloom {

Learner::Learner(std::shared_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
                 std::shared_ptr<const Objective> objective, LearnerSettings settings)
    : learning_rate(optimizer->learning_rate()),
      network_(std::move(network)),
      objective_(std::move(objective)),
      settings_(std::move(settings)) {
  const auto& parameters = network_->architecture().parameters();
  if (settings_.parameters.empty()) {
    settings_.parameters.assign(parameters.size(), {.rate_multiplier = 1, .weight_decay = optimizer->weight_decay()});
  }
  if (settings_.parameters.size() != parameters.size()) {
    throw Error("INVALID_ARGUMENT", "parameters must have one entry a parameter of the model");
  }
  optimizers_.push_back(std::move(optimizer));
  optimizers_.insert(optimizers_.end(), settings_.others.begin(), settings_.others.end());
  check_tables();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const bool trained = parameters[p].role == ParameterRole::kTrained;
    state_specs_.push_back(trained ? states_of(static_cast<int>(p)) : std::vector<StateSpec>());
    int64_t bytes = 0;
    for (const StateSpec& spec : state_specs_.back()) bytes += checked_multiply(spec.shape.size(), sizeof(float));
    state_bytes_ += bytes;
    if (!trained || parameters[p].row_width > 0) continue;
    dense_bytes_ += bytes + checked_multiply(parameters[p].shape.size(), sizeof(float));
  }
  check_memory_for(0);
  for (const std::vector<StateSpec>& specs : state_specs_) {
    auto& buffers = states_.emplace_back();
    for (const StateSpec& spec : specs) buffers.emplace_back(spec.shape.size());
  }
  lazy_row_updates_ = std::make_unique<LazyRowUpdates>(*this);
  if (settings_.awaits_state) return;
  fill_states([](const StateSpec& state) { return state.initial != 0; });  // buffers come as zeros
}

Learner::~Learner() = default;

bool Learner::outgrows_caches() const {
  constexpr int64_t kCacheBytes = 8 << 20;
  return dense_bytes_ > kCacheBytes;
}

// Rules by row know a table by its rows; others keep what they keep in the layout of files.
std::vector<StateSpec> Learner::states_of(int number) const {
  const auto& parameter = network_->architecture().parameters()[index(number)];
  const Optimizer& rule = optimizer(number);
  const Shape shape = rule.granularity() == Granularity::kRow ? parameter.rows_shape() : parameter.shape;
  return parameter.row_width == 0 ? rule.states(shape) : rule.table_states(shape);
}

// Rows that a step does not touch must not move in it.
void Learner::check_tables() {
  duplicates_ = duplicates_of_tables();
  const auto& parameters = network_->architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].row_width == 0 || parameters[p].role != ParameterRole::kTrained) continue;
    const Optimizer& rule = optimizer(static_cast<int>(p));
    if (duplicates_ != Duplicates::kSum && network_->architecture().users_of(static_cast<int>(p)).size() > 1) {
      throw Error("INVALID_OPTION", "the optimizer " + rule.kind() +
                                        " cannot apply duplicates one by one to the table \"" + parameters[p].name +
                                        "\", which several layers read: their gradients are summed by row; leave the "
                                        "option duplicates out");
    }
    if (parameters[p].element == ElementType::kBfloat16) check_rounding(rule, parameters[p].name);
    const std::string objection = rule.objection_to_rows(settings_.parameters[p].weight_decay);
    if (objection.empty()) continue;
    throw Error("INVALID_OPTION", "the optimizer " + rule.kind() + " cannot train the table \"" + parameters[p].name +
                                      "\", of which a step touches a few rows: " + objection);
  }
  if (settings_.non_finite == NonFinitePolicy::kSkip) check_no_tables("nonFinite: 'skip'", "use 'stop' or 'ignore'");
  if (settings_.clip.by_norm()) check_no_tables("clipGradients by a norm", "clip by value");
}

// A row is rounded once a step, when it has been updated.
void Learner::check_rounding(const Optimizer& rule, const std::string& table) const {
  const std::string start = "the optimizer " + rule.kind() + " cannot train the table \"" + table + "\" of bfloat16: ";
  if (rule.moves_untouched()) {
    throw Error("INVALID_OPTION", start +
                                      "it moves rows that a step does not touch, which would be rounded without end; "
                                      "give the layer dtype: 'float32'");
  }
  if (duplicates_ != Duplicates::kSum) {
    throw Error("INVALID_OPTION", start +
                                      "a row that a batch names several times would be rounded by the same random "
                                      "numbers each time; leave the option duplicates out, or give the layer dtype: "
                                      "'float32'");
  }
}

// A batch is sorted for one way alone.
Duplicates Learner::duplicates_of_tables() const {
  const auto& parameters = network_->architecture().parameters();
  const Optimizer* first = nullptr;
  std::vector<bool> trains_tables(optimizers_.size());
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].row_width == 0 || parameters[p].role != ParameterRole::kTrained) continue;
    const Optimizer& rule = optimizer(static_cast<int>(p));
    trains_tables[settings_.parameters[p].optimizer] = true;
    if (first == nullptr) first = &rule;
    if (rule.duplicates() == first->duplicates()) continue;
    throw Error("INVALID_OPTION", "the optimizers " + first->kind() + " and " + rule.kind() +
                                      " train tables with different options duplicates; give both the same");
  }
  for (size_t i = 0; i < optimizers_.size(); ++i) {
    if (optimizers_[i]->duplicates() == Duplicates::kSum || trains_tables[i]) continue;
    throw Error("INVALID_OPTION", "the optimizer " + optimizers_[i]->kind() +
                                      " has the option duplicates, which is about rows of tables (sparseDense, "
                                      "embedding, embeddingBag), and " +
                                      (optimizers_.size() == 1 ? "the model trains none" : "it trains none") +
                                      "; leave it out");
  }
  return first == nullptr ? Duplicates::kSum : first->duplicates();
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
         settings_.clip.by_norm() || std::ranges::any_of(optimizers_, [](const auto& optimizer) {
           return optimizer->granularity() != Granularity::kElement;
         });
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
  lazy_row_updates_->begin();
}

void Learner::check_schedule() const {
  const bool lazy = std::ranges::any_of(lazy_row_updates_->parameters(),
                                        [&](int parameter) { return settings(parameter).optimizer == 0; });
  if (!lazy) return;
  throw Error("INVALID_OPTION", "the optimizer " + optimizers_.front()->kind() +
                                    " catches up on the steps that did not touch a row of a table as on steps of one "
                                    "learning rate; give a number as learningRate in place of a schedule");
}

void Learner::reset() {
  if (network_->lazy_weights() == lazy_row_updates_.get()) network_->lend(nullptr);
  steps = 0;
  epochs = 0;
  rate_scale = 1;
  fill_states([](const StateSpec&) { return true; });
}

template <class Which>
void Learner::fill_states(const Which& which) {
  for (size_t p = 0; p < states_.size(); ++p) {
    for (size_t i = 0; i < states_[p].size(); ++i) {
      const StateSpec& spec = state_specs_[p][i];
      if (which(spec)) std::fill_n(states_[p][i].data(), states_[p][i].size(), spec.initial);
    }
  }
}

}  // namespace gradloom
